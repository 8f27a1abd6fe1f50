#include "duet/ops/attention.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "duet/ops/create.h"
#include "duet/ops/matmul.h"
#include "duet/ops/movement.h"
#include "duet/ops/reduce.h"
#include "ops/operands.h"
#include "ops/records.h"
#include "planted.h"

namespace duet {
Tensor attention(const Operand& query, const Operand& key, const Operand& value, const AttentionOptions& options) {
  LineScope scope(query.line());
  const Tensor &q = floating("attention", query, "query"), &k = floating("attention", key, "key"),
               &v = floating("attention", value, "value"), &mask = options.mask;
  auto all = [&] { return fmt::format("q {}, k {}, v {}", q.spec(), k.spec(), v.spec()); };
  check<ShapeError>(q.rank() >= 2 && k.rank() >= 2 && v.rank() >= 2, "attention: two axes are needed, [T,D]: {}",
                    all());
  const int64_t width = q.shape()[q.rank() - 1], count = k.shape()[k.rank() - 2], rows = q.shape()[q.rank() - 2];
  check<ShapeError>(k.shape()[k.rank() - 1] == width,
                    "attention: queries and keys differ in width: {} ({} vs {}); both must be [.., D]", all(), width,
                    k.shape()[k.rank() - 1]);
  check<ShapeError>(v.shape()[v.rank() - 2] == count, "attention: there must be a value for each key: {} ({} vs {})",
                    all(), v.shape()[v.rank() - 2], count);
  if (mask.defined())
    check<DTypeError>(mask.dtype() == DType::boolean || mask.dtype() == q.dtype(),
                      "attention: the mask is {} beside {}; give bool, or numbers of the same type to add", mask.spec(),
                      q.spec());
  // The caller's scale is a run-time number like any other; the one of the width belongs to the program.
  const Operand scale =
      options.scale ? Operand(*options.scale)
                    : Operand::constant(1 / (planted("attention_scale") ? static_cast<double>(width)
                                                                        : std::sqrt(static_cast<double>(width))));
  const Operand nothing = Operand::constant(-std::numeric_limits<double>::infinity());

  // Scaling q costs less than scaling the scores.
  Tensor s = matmul(mul(q, scale), swap_axes(k, k.rank() - 2, k.rank() - 1));  // […,T,S]
  if (mask.defined()) {
    Shape both;
    check<ShapeError>(broadcast_shapes(mask.shape(), s.shape(), both) && both == s.shape(),
                      "attention: the mask is {} for scores {}; it must broadcast to them", mask.spec(), s.shape());
  }
  if (options.causal) s = where(ge(reshape(arange(rows, i32), {rows, 1}), arange(count, i32)), std::move(s), nothing);
  if (mask.defined()) s = mask.dtype() == DType::boolean ? where(mask, std::move(s), nothing) : std::move(s) + mask;
  if (count == 0) return matmul(s, v);  // no key at all: zeros

  const ReduceOver last{-1, true};
  Tensor top = stop_gradient(max(s, last));
  if (mask.defined()) top = where(eq(top, nothing), Operand::constant(0), top);
  const Tensor e = exp(s - top);
  Tensor total = sum(e, last);
  if (mask.defined()) total = where(eq(total, Operand::constant(0)), Operand::constant(1), total);
  // Divided last: T·E divisions instead of T·S.
  return matmul(e, v) / total;
}

}  // namespace duet
