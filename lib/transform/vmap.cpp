#include "duet/transform/vmap.h"

#include <algorithm>

namespace duet::detail {

Batches::Batches(const VmapOptions& options, size_t arguments, const Line& line) : options_(options), line_(line) {
  LineScope scope(line_);
  for (int i : options.unbatched)
    check<Error>(i >= 0 && static_cast<size_t>(i) < arguments,
                 "vmap: there is no argument {}: there are {}; count from 0", i, arguments);
}

bool Batches::has(size_t argument) const {
  const std::vector<int>& u = options_.unbatched;
  return std::find(u.begin(), u.end(), static_cast<int>(argument)) == u.end();
}

void Batches::look_at(size_t argument, const Tensor& t) {
  LineScope scope(line_);
  check<ShapeError>(t.rank() > 0,
                    "vmap: argument {} has no axis of examples: {}; leave it out, {{.unbatched = {{{}}}}}", argument,
                    t.spec(), argument);
  if (!first_.defined()) first_ = t;
  check<ShapeError>(t.shape()[0] == first_.shape()[0],
                    "vmap: batches differ in size: {} and {}; their first axes must be equal", first_.spec(), t.spec());
}

int64_t Batches::size() const {
  LineScope scope(line_);
  check<ShapeError>(first_.defined(), "vmap: no argument has examples; give at least one tensor that is a batch");
  return first_.shape()[0];
}

}  // namespace duet::detail
