#include "duet/dispatch.h"

#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "cuda/device.h"
#include "cuda/run.h"
#include "duet/batch.h"
#include "duet/grad.h"
#include "duet/graph/trace.h"
#include "graph/show.h"
#include "promotion.h"

namespace duet {
namespace {

const Shape kScalarShape;

// Room for the specs of an operation's results. Of all that is possible one or two are made: the rest would cost as
// much as a small kernel.
struct SpecStorage {
  explicit SpecStorage(int count) { std::uninitialized_default_construct_n(of, count); }
  union {
    Spec of[kMaxOutputs];
  };
};

Strided strided(Block& b) { return {b.data, b.dtype, b.dense, b.numel, &b.shape, b.strides}; }
Strided strided(const Arg& a) {
  if (a.tensor == nullptr) {
    static constexpr int64_t kNoStrides[kMaxRank] = {};
    return {const_cast<Number8*>(&a.number), a.dtype, true, 1, &kScalarShape, kNoStrides};
  }
  return strided(a.tensor->block());
}

// The temporary, if any, whose block becomes the result's: nobody else holds it, and the result is like it.
int reusable(const OpRecord& op, const Args& in, const Spec& spec) {
  if ((op.kind != OpClass::pointwise && op.kind != OpClass::update) || op.formula != nullptr) return -1;
  if (thread_state.tape != nullptr) return -1;  // which may still want the operand's value
  for (int i = 0; i < in.size(); ++i) {
    if (in[i].kind != Operand::Kind::rvalue) continue;
    const Block& b = in[i].tensor->block();
    if (b.dense && b.dtype == spec.dtype && b.shape == spec.shape && block::sole_owner(&b)) return i;
  }
  return -1;
}

}  // namespace

Args::Args(const OpRecord& op, Inputs inputs, Attrs attrs) : size_(inputs.size()) {
  check<ShapeError>(size_ <= kMax, "{}: {} operands are too many; at most {}", op.name, size_, static_cast<int>(kMax));
  if (size_ != op.inputs && op.inputs >= 0) [[unlikely]]
    fail<ShapeError>("{}: takes {} operand{}: {} given; give as many", op.name, op.inputs, op.inputs == 1 ? "" : "s",
                     size_);
  DType dtype = DType::f32;
  bool resolved = false, alike = (op.bool_in | op.free_in) == 0;
  for (int i = 0; i < size_; ++i) {
    const Operand& x = inputs[i];
    Arg& a = args_[i];
    a.kind = x.kind();
    if (x.is_tensor()) {
      a.tensor = &x.tensor();
      check<Error>(a.tensor->defined(), "{}: operand {} is an empty Tensor; give it a value first", op.name, i + 1);
      Block& b = a.tensor->block();
      if (b.trace != nullptr && b.trace != thread_state.trace && !batch::is_active(b)) [[unlikely]]
        graph::reject_foreign(op.name, b);
      a.dtype = b.dtype;
      a.shape = &b.shape;
      halves_ |= is_half(b.dtype);
      if (alike_ == nullptr) {
        alike_ = &b, device_ = b.device;
      } else if (alike_ != &b) {
        alike = alike && alike_->dtype == b.dtype && alike_->shape == b.shape;
        if (b.device != device_) [[unlikely]]
          fail<DeviceError>("{}: operands are on different devices: {} on {} and {} on {}; move one with .to(device)",
                            op.name, Spec{alike_->dtype, alike_->shape}, device_, spec(i), b.device);
      }
    } else {
      if (!resolved) dtype = number_dtype(op, inputs, attrs), resolved = true;
      bool flag = (op.bool_in >> i) & 1u;
      bool free = (op.free_in >> i) & 1u;
      numbers_ |= uint64_t{1} << i;
      a.tensor = nullptr;
      a.dtype = flag ? DType::boolean : free ? DType::i64 : dtype;
      a.shape = &kScalarShape;
      a.number = to_number(op, x, a.dtype);
      bool integer = x.kind() == Operand::Kind::int_number || x.kind() == Operand::Kind::bool_number;
      a.float_value = integer ? 0 : x.float_value();
      a.int_value = integer ? x.int_value() : 0;
    }
  }
  if (alike_ == nullptr) device_ = default_device();
  if (op.dtype_attr >= 0) halves_ |= is_half(static_cast<DType>(attrs[static_cast<size_t>(op.dtype_attr)]));
  if (!alike) alike_ = nullptr;
}

std::string to_string(const OperandText& text) {
  const Arg& a = text.operand;
  if (a.kind <= Operand::Kind::rvalue) return to_string(Spec{a.dtype, *a.shape});
  if (a.kind == Operand::Kind::bool_number) return a.int_value != 0 ? "true" : "false";
  return a.kind == Operand::Kind::int_number ? fmt::format("{}", a.int_value) : shortest(a.float_value);
}

namespace {

// The fork's two ways. Tapes note the operation either way.
inline Outputs run_or_record(const OpRecord& op, const Args& in, Attrs attrs) {
  SpecStorage specs(op.outputs);
  op.infer(op, in, attrs, specs.of);
  Outputs y = thread_state.batch != nullptr   ? batch::dispatch_batch(op, in, attrs, specs.of)
              : thread_state.trace != nullptr ? thread_state.trace->record(op, in, attrs, specs.of)
                                              : run_now(op, in, attrs, specs.of);
  for (TapeImpl* tape = thread_state.tape; tape != nullptr; tape = tape->parent()) tape->note(op, in, attrs, y);
  return y;
}

}  // namespace

// THE fork: see dispatch.h. Not inlined, so that one breakpoint sees every operation with the user's line above it.
[[gnu::noinline, gnu::noclone]] Outputs dispatch(const OpRecord& op, Inputs inputs, Attrs attrs) {
  LineScope scope(inputs.size() > 0 ? Line(inputs[0].line()) : Line());
  ++thread_state.dispatches;
  Args in(op, inputs, attrs);
  if (in.halves() || (in.alike() == nullptr && op.inputs != 1)) {
    if (Outputs y = dispatch_promoted(op, in, attrs); y.count > 0) [[unlikely]]
      return y;
  }
  return run_or_record(op, in, attrs);
}

void run_on_device(const KernelCall& call) {
  if (call.device.is_cuda()) [[unlikely]]
    return cuda::run(call);
  call.op.run(call);
}

void launch(const KernelCall& call) {
  ++thread_state.launches;
  uint64_t bytes = 0;
  for (const Strided& x : call.in) bytes += static_cast<uint64_t>(x.numel) * size_bytes(x.dtype);
  for (const Strided& y : call.out) bytes += static_cast<uint64_t>(y.numel) * size_bytes(y.dtype);
  thread_state.bytes += bytes;
  if (debug_level() >= 2) [[unlikely]]
    return run_shown(call);
  run_on_device(call);
}

namespace {

// A view shares its operand's storage; where the operand's layout does not allow it, it is a copy.
[[gnu::noinline]] Outputs look_at(const OpRecord& op, const Args& args, Attrs attrs, const Spec& spec) {
  const Arg& in = args[0];
  Outputs y;
  y.count = 1;
  const uint64_t id = fresh_ids(1);
  int64_t strides[kMaxRank], offset = 0;
  Block& x = in.tensor != nullptr ? in.tensor->block() : *block::make(in.dtype, kScalarShape, true, args.device());
  Tensor number;  // a number's block lives as long as its view
  if (in.tensor == nullptr) {
    number = Tensor::adopt(&x, 0);
    block::write(x, &in.number);
  }
  const Strided operand = strided(x);
  if (op.view(operand, attrs, spec.shape, strides, offset)) {
    auto* first = static_cast<char*>(x.data) + offset * static_cast<int64_t>(size_bytes(x.dtype));
    y.values[0] = Tensor::adopt(block::view(&x, spec.shape, strides, first), id);
  } else {
    Block* b = block::make(spec.dtype, spec.shape, true, args.device());
    y.values[0] = Tensor::adopt(b, id);
    // The copy reads the old layout in its own shape: the element order is the same.
    Strided out{b->data, b->dtype, true, operand.numel, operand.shape, nullptr};
    launch({duet::op<Copy>(), std::span(&operand, 1), std::span(&out, 1), {}, args.device()});
  }
  return y;
}

Block* make_result(const OpRecord& op, const Args& in, const Spec& spec) {
  if (op.kind == OpClass::pointwise && in.alike() != nullptr) return block::make_like(*in.alike(), spec.dtype);
  return block::make(spec.dtype, spec.shape, true, in.device());
}

}  // namespace

Outputs run_now(const OpRecord& op, const Args& in, Attrs attrs, const Spec* specs) {
  thread_state.op = op.name;
  if (op.view != nullptr) return look_at(op, in, attrs, specs[0]);
  Outputs y;
  y.count = op.outputs;
  const uint64_t id = fresh_ids(op.outputs);
  Strided operands[Args::kMax], results[kMaxOutputs];
  for (int i = 0; i < in.size(); ++i) operands[i] = strided(in[i]);
  int reused = -1;  // one operand serves one result
  for (int k = 0; k < op.outputs; ++k) {
    Block* b = nullptr;
    if (reused < 0 && (reused = reusable(op, in, specs[k])) >= 0)
      block::retain(b = &in[reused].tensor->block());
    else
      b = make_result(op, in, specs[k]);
    y.values[k] = Tensor::adopt(b, id + static_cast<uint64_t>(k));
    results[k] = strided(*b);
  }
  launch({op, std::span(operands, static_cast<size_t>(in.size())), std::span(results, static_cast<size_t>(op.outputs)),
          attrs, in.device(), in.numbers()});
  // The temporary lets go of the block, so that the next operation finds it in one hand again.
  if (reused >= 0) Tensor(std::move(const_cast<Tensor&>(*in[reused].tensor)));
  return y;
}

}  // namespace duet
