#include "lines/here.h"

namespace duet {
namespace {

TEST(Lines, Checkpoint) {
  Tensor t = x23();
  EXPECT_HERE(io::Checkpoint{"/nowhere"}.save(-1, t));
  EXPECT_HERE(io::Checkpoint{"/dev/null"}.save(1, t));
  EXPECT_HERE(io::Checkpoint{"/dev/null"}.restore(t));
  EXPECT_HERE(io::Checkpoint{"/nowhere"}.restore(t, 1));
  EXPECT_HERE(io::Checkpoint{"/dev/null"}.steps());
}

}  // namespace
}  // namespace duet
