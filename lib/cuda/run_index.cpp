// Operations with indices in their data.
#include <fmt/format.h>

#include <algorithm>

#include "cuda/record.h"
#include "cuda/runners.h"
#include "ops/axis.h"

namespace duet::cuda {

void check_indices(State& s, std::string_view op, std::string_view what, const Strided& index, int64_t low,
                   int64_t high) {
  if (index.shape->numel() == 0) return;
  kernel::CheckCall c{};
  c.n = index.shape->numel();
  c.low = low;
  c.high = high;
  c.index = operand(index.dtype, index.data, *index.shape, index.strides, *index.shape);
  c.fault = reinterpret_cast<Fault*>(s.fault);
  {
    const std::lock_guard lock(s.mutex);
    FaultSite site{std::string(op),
                   std::string(what),
                   fmt::format("{}{}", index.dtype, *index.shape),
                   thread_state.line.file != nullptr ? fmt::format(" [{}]", to_string(thread_state.line)) : "",
                   c.low,
                   c.high};
    c.site = static_cast<uint32_t>(s.sites.size());
    if (Replay* replay = Replay::active())
      c.site = replay->site(s, site);
    else
      s.sites.push_back(std::move(site));
    ++s.checks_on_their_way;
  }
  struct Launched {
    State& s;
    ~Launched() {
      const std::lock_guard lock(s.mutex);
      --s.checks_on_their_way;
    }
  } const launched{s};
  launch_kernel(s, kernel::kCheckIndex, {type(index.dtype)}, &c, 1);
}

namespace {

void check_indices(State& s, const KernelCall& call, int i, int64_t extent, bool negative_allowed,
                   std::string_view what) {
  check_indices(s, call.op.name, what, call.in[static_cast<size_t>(i)], negative_allowed ? -extent : 0, extent - 1);
}

// Indices in place of an axis; `attrs`: axis, batch axes.
kernel::IndexCall in_place_of_axis(const KernelCall& call, int index, Attrs attrs) {
  const Shape& x = *call.in[0].shape;
  const AroundAxis e(x, attrs[0]);
  kernel::IndexCall c{};
  c.outer = e.outer, c.extent = e.axis, c.inner = e.inner;
  c.count = call.in[static_cast<size_t>(index)].shape->numel();
  c.share = 1;
  for (int i = 0; i < attrs[0]; ++i) i < attrs[1] ? c.count /= std::max<int64_t>(x[i], 1) : c.share *= x[i];
  c.index = operand(call, index);
  c.n = c.outer * c.count * c.inner;
  c.y = call.out[0].data;
  return c;
}
// An index for each element along an axis.
kernel::IndexCall for_each(const KernelCall& call, int index) {
  const AroundAxis e(*call.in[0].shape, call.attrs[0]);
  kernel::IndexCall c{};
  c.outer = e.outer, c.extent = e.axis, c.inner = e.inner;
  c.count = (*call.in[static_cast<size_t>(index)].shape)[static_cast<int>(call.attrs[0])];
  c.share = 1;
  c.each = 1;
  c.index = operand(call, index);
  c.n = c.outer * c.count * c.inner;
  c.y = call.out[0].data;
  return c;
}

void pick(State& s, const KernelCall& call, kernel::IndexCall c, bool negative_allowed) {
  check_indices(s, call, 1, c.extent, negative_allowed, "index");
  if (c.n == 0 || c.extent == 0) return;
  c.x = operand(call, 0);
  launch_kernel(s, kernel::kPick, {width_type(call.in[0].dtype), type(call.in[1].dtype)}, &c, blocks_for(s, c.n));
}

void scatter(State& s, const KernelCall& call, kernel::IndexCall c) {
  check_indices(s, call, 1, c.extent, true, "index");
  const Strided& base = call.in[0];
  copy_elements(s, base.dtype, operand(call, 0), dense(call.out[0].data), base.shape->numel());
  if (c.n == 0 || c.extent == 0) return;
  c.updates = operand(call, 2);
  launch_kernel(s, kernel::kScatterAdd, {type(base.dtype), type(call.in[1].dtype)}, &c,
                blocks_for(s, c.outer * c.inner));
}

}  // namespace

void run_op(Of<Gather>, State& s, const KernelCall& call) {
  pick(s, call, in_place_of_axis(call, 1, call.attrs), true);
}
void run_op(Of<Take>, State& s, const KernelCall& call) { pick(s, call, in_place_of_axis(call, 1, call.attrs), true); }
void run_op(Of<Embedding>, State& s, const KernelCall& call) {
  pick(s, call, in_place_of_axis(call, 1, call.attrs), false);
}
void run_op(Of<TakeAlongAxis>, State& s, const KernelCall& call) { pick(s, call, for_each(call, 1), true); }

void run_op(Of<ScatterAdd>, State& s, const KernelCall& call) {
  scatter(s, call, in_place_of_axis(call, 1, call.attrs));
}
void run_op(Of<ScatterAddAlongAxis>, State& s, const KernelCall& call) { scatter(s, call, for_each(call, 1)); }

void run_op(Of<OneHot>, State& s, const KernelCall& call) {
  kernel::IndexCall c{};
  c.extent = call.attrs[1];
  c.n = call.out[0].shape->numel();
  c.index = operand(call, 0);
  c.y = call.out[0].data;
  check_indices(s, call, 0, c.extent, false, "label");
  if (c.n > 0)
    launch_kernel(s, kernel::kOneHot, {type(call.out[0].dtype), type(call.in[0].dtype)}, &c, blocks_for(s, c.n));
}

}  // namespace duet::cuda
