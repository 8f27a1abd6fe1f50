// EXPECT_HERE(statement): what it throws names the line it stands on.
#pragma once

#include <fmt/format.h>

#include "expect.h"

namespace duet {

// The statement, which is all on this line, throws an Error of exactly this line.
#define EXPECT_HERE(statement)                                                                                    \
  try {                                                                                                           \
    static_cast<void>(statement);                                                                                 \
    ADD_FAILURE() << "nothing was thrown";                                                                        \
  } catch (const Error& e) {                                                                                      \
    EXPECT_STREQ(e.line().file != nullptr ? e.line().file : "nowhere", __FILE__) << e.what();                     \
    EXPECT_EQ(e.line().line, static_cast<uint32_t>(__LINE__)) << e.what();                                        \
    EXPECT_EQ(std::string(e.what()).find("internal"), std::string::npos) << e.what();                             \
    EXPECT_NE(                                                                                                    \
        std::string(e.what()).find(fmt::format(                                                                   \
            " [{}:{}]", std::string_view(__FILE__).substr(std::string_view(__FILE__).rfind('/') + 1), __LINE__)), \
        std::string::npos)                                                                                        \
        << e.what();                                                                                              \
  }                                                                                                               \
  EXPECT_EQ(thread_state.line.file, nullptr)

inline const Tensor kEmpty;
inline const Tensor& x23() {
  static const Tensor x = ones({2, 3});
  return x;
}

}  // namespace duet
