#include "cpu/tiles.h"

#include <algorithm>
#include <cstring>

#include "cpu/scratch.h"
#include "cpu/threads.h"
#include "planted.h"

namespace duet::cpu {
namespace {

constexpr size_t kSlotBytes = kTile * 8;

template <class T>
void gather_run(const char* from, int64_t stride, int64_t n, char* to) {
  const T* x = reinterpret_cast<const T*>(from);
  T* y = reinterpret_cast<T*>(to);
  if (stride == 1) {
    std::memcpy(y, x, static_cast<size_t>(n) * sizeof(T));
  } else if (stride == 0) {
    std::fill_n(y, n, *x);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = x[i * stride];
  }
}

template <class T>
void gather_as(const Source& s, const char* base, int64_t begin, int64_t n, char* out) {
  int64_t at[kMaxRank];
  int64_t offset = 0;
  for (int a = s.axes - 1; a >= 0; --a) {
    at[a] = begin % s.extent[a];
    begin /= s.extent[a];
    offset += at[a] * s.stride[a];
  }
  const int last = s.axes - 1;
  while (n > 0) {
    int64_t run = std::min(n, s.extent[last] - at[last]);
    gather_run<T>(base + offset * static_cast<int64_t>(sizeof(T)), s.stride[last], run, out);
    out += run * static_cast<int64_t>(sizeof(T));
    n -= run;
    // Carry into the outer axes.
    offset -= at[last] * s.stride[last];
    at[last] = 0;
    for (int a = last - 1; a >= 0; --a) {
      offset += s.stride[a];
      if (++at[a] < s.extent[a]) break;
      offset -= s.extent[a] * s.stride[a];
      at[a] = 0;
    }
  }
}

}  // namespace

Source make_source(DType dtype, const Shape& shape, const int64_t* strides, const Shape& space) {
  Source s;
  s.bytes = static_cast<uint8_t>(size_bytes(dtype));
  int lead = space.rank() - shape.rank();
  int axes = 0;
  int64_t dense_step = 1;
  bool dense = true;
  int64_t extent[kMaxRank], stride[kMaxRank];  // innermost first
  for (int a = space.rank() - 1; a >= 0; --a) {
    if (space[a] == 1) continue;
    int64_t step = a >= lead && shape[a - lead] != 1 ? strides[a - lead] : 0;
    dense = dense && step == dense_step;
    dense_step *= space[a];
    if (axes > 0 && step == stride[axes - 1] * extent[axes - 1]) {
      extent[axes - 1] *= space[a];
    } else {
      extent[axes] = space[a];
      stride[axes++] = step;
    }
  }
  s.dense = dense && axes > 0;
  s.single = axes == 0 || (axes == 1 && stride[0] == 0);
  if (axes == 0) extent[axes] = 1, stride[axes++] = 0;
  s.axes = static_cast<int8_t>(axes);
  for (int a = 0; a < axes; ++a) {
    s.extent[a] = extent[axes - 1 - a];
    s.stride[a] = stride[axes - 1 - a];
  }
  return s;
}

void gather(const Source& s, const void* data, int64_t begin, int64_t n, void* out) {
  if (n == 0) return;  // also: an empty space has extents of 0, which positions cannot be divided by
  auto* from = static_cast<const char*>(data);
  auto* to = static_cast<char*>(out);
  if (s.bytes == 4)
    gather_as<uint32_t>(s, from, begin, n, to);
  else if (s.bytes == 8)
    gather_as<uint64_t>(s, from, begin, n, to);
  else if (s.bytes == 2)
    gather_as<uint16_t>(s, from, begin, n, to);
  else
    gather_as<uint8_t>(s, from, begin, n, to);
}

void TileProgram::clear(int64_t n) {
  numel = n;
  sources.clear();
  steps.clear();
  output_bytes.clear();
  temporaries = 0;
}

Register TileProgram::add_source(const Source& s) {
  sources.push_back(s);
  return static_cast<Register>(sources.size() - 1);
}

Register TileProgram::add_output(DType dtype) {
  output_bytes.push_back(static_cast<uint8_t>(size_bytes(dtype)));
  return static_cast<Register>(kOutput + static_cast<Register>(output_bytes.size() - 1));
}

void TileProgram::add_cast(TileFn fn, DType from, DType to, Register in, Register out) {
  Step& step = steps.emplace_back();
  step.fn = fn;
  step.inputs = step.outputs = 1;
  step.in[0] = in;
  step.out[0] = out;
  step.dtype = from;
  step.to = to;
}

void TileProgram::add_move(DType dtype, Register in, Register out) {
  add_cast(kernels().instruction(ExprOp::move, dtype == DType::f64), dtype, dtype, in, out);
}

void TileProgram::add_op(const OpRecord& op, DType dtype, const Register* in, const Register* out) {
  if (op.formula == nullptr) {
    Step step;
    step.fn = tile_kernel(op, dtype);
    step.inputs = op.inputs;
    step.outputs = op.outputs;
    step.op = &op;
    step.dtype = dtype;
    std::copy_n(in, op.inputs, step.in);
    std::copy_n(out, op.outputs, step.out);
    steps.push_back(step);
    return;
  }
  const ExprList& list = dtype == DType::f64 ? op.formula->f64 : op.formula->f32;
  const size_t first_step = steps.size();
  std::vector<Register> value(list.nodes.size());
  for (size_t i = 0; i < list.nodes.size(); ++i) {
    const ExprNode& node = list.nodes[i];
    if (node.op == ExprOp::input || node.op == ExprOp::input_mask) {
      value[i] = in[node.imm];
    } else if (node.op == ExprOp::constant || node.op == ExprOp::bits_constant) {
      Source s;
      s.bytes = list.is_double ? 8 : 4;
      s.single = true;
      s.axes = 1;
      s.extent[0] = 1;
      s.constant = &node.imm;
      value[i] = add_source(s);
    } else {
      Step step;
      step.fn = kernels().instruction(node.op, list.is_double);
      step.instruction = node.op;
      step.dtype = dtype;
      step.imm = node.imm;
      for (int operand : {node.a, node.b, node.c})
        if (operand >= 0) step.in[step.inputs++] = value[static_cast<size_t>(operand)];
      step.outputs = 1;
      value[i] = step.out[0] = add_temporary();
      steps.push_back(step);
    }
  }
  for (size_t k = 0; k < list.outputs.size(); ++k) {
    Register& from = value[static_cast<size_t>(list.outputs[k])];
    if (from >= kTemporary && from < kOutput) {  // computed here: the result takes the temporary's place
      for (size_t i = first_step; i < steps.size(); ++i) {
        std::replace(steps[i].in, steps[i].in + steps[i].inputs, from, out[k]);
        std::replace(steps[i].out, steps[i].out + steps[i].outputs, from, out[k]);
      }
      from = out[k];
      continue;
    }
    Step step;  // an operand, a constant, or a result met before
    step.instruction = op.bool_out ? ExprOp::mask_or : ExprOp::move;
    step.fn = kernels().instruction(step.instruction, list.is_double);
    step.dtype = dtype;
    step.inputs = op.bool_out ? 2 : 1;
    step.in[0] = step.in[1] = from;
    step.outputs = 1;
    step.out[0] = out[k];
    steps.push_back(step);
  }
}

void TileProgram::pack_temporaries() {
  std::vector<int> last_use(static_cast<size_t>(temporaries), -1), slot(static_cast<size_t>(temporaries), -1);
  auto index = [](Register r) { return static_cast<size_t>(r - kTemporary); };
  auto is_temporary = [](Register r) { return r >= kTemporary && r < kOutput; };
  for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
    Step& s = steps[static_cast<size_t>(i)];
    for (int k = 0; k < s.inputs; ++k)
      if (is_temporary(s.in[k])) last_use[index(s.in[k])] = i;
    for (int k = 0; k < s.outputs; ++k)
      if (is_temporary(s.out[k])) last_use[index(s.out[k])] = i;
  }
  std::vector<int> free_slots;
  int slots = 0;
  for (int i = 0; i < static_cast<int>(steps.size()); ++i) {
    Step& s = steps[static_cast<size_t>(i)];
    // Results take their slots before the operands give theirs back: a step never writes what it reads.
    Register old_in[kMaxTileInputs], old_out[kMaxTileOutputs];
    std::copy_n(s.in, s.inputs, old_in);
    std::copy_n(s.out, s.outputs, old_out);
    for (int k = 0; k < s.outputs; ++k) {
      if (!is_temporary(old_out[k])) continue;
      int& mine = slot[index(old_out[k])];
      if (mine < 0) {
        if (free_slots.empty()) free_slots.push_back(slots++);
        mine = free_slots.back();
        free_slots.pop_back();
      }
      s.out[k] = static_cast<Register>(kTemporary + mine);
    }
    for (int k = 0; k < s.inputs; ++k)
      if (is_temporary(old_in[k])) s.in[k] = static_cast<Register>(kTemporary + slot[index(old_in[k])]);
    auto retire = [&](Register r) {
      if (!is_temporary(r) || last_use[index(r)] != i) return;
      free_slots.push_back(slot[index(r)]);
      last_use[index(r)] = -1;  // once
    };
    for (int k = 0; k < s.inputs; ++k) retire(old_in[k]);
    for (int k = 0; k < s.outputs; ++k) retire(old_out[k]);
  }
  temporaries = slots;
}

void run_tiles(const TileProgram& program, const void* const* data, void* const* out, int64_t begin, int64_t n) {
  const size_t sources = program.sources.size();
  char* slots = tile_scratch((sources + static_cast<size_t>(program.temporaries) + 1) * kSlotBytes);
  char* temporaries = slots + sources * kSlotBytes;
  TileCall call;
  for (const int64_t end = begin + n; begin < end; begin += kTile) {
    call.n = std::min(kTile, end - begin);
    const bool early = planted("tile_tail") && program.steps.size() > 1 && begin > 0 && call.n < kTile;
    for (size_t k = 0; k < sources; ++k) {
      const Source& s = program.sources[k];
      if (!s.dense && !s.single) gather(s, data[k], begin, call.n, slots + k * kSlotBytes);
    }
    for (const Step& step : program.steps) {
      call.scalars = 0;
      call.imm = step.imm;
      for (int i = 0; i < step.inputs; ++i) {
        Register r = step.in[i];
        if (r >= kOutput) {
          call.in[i] =
              static_cast<char*>(out[r - kOutput]) + begin * program.output_bytes[static_cast<size_t>(r - kOutput)];
        } else if (r >= kTemporary) {
          call.in[i] = temporaries + static_cast<size_t>(r - kTemporary) * kSlotBytes;
        } else {
          const auto k = static_cast<size_t>(r);
          const Source& s = program.sources[k];
          if (s.single) call.scalars |= 1u << i;
          call.in[i] = s.constant != nullptr ? s.constant
                       : s.single            ? data[k]
                       : s.dense             ? static_cast<const char*>(data[k]) + (begin - early) * s.bytes
                                             : slots + k * kSlotBytes;
        }
      }
      for (int i = 0; i < step.outputs; ++i) {
        Register r = step.out[i];
        call.out[i] = r >= kOutput ? static_cast<char*>(out[r - kOutput]) +
                                         begin * program.output_bytes[static_cast<size_t>(r - kOutput)]
                                   : temporaries + static_cast<size_t>(r - kTemporary) * kSlotBytes;
      }
      step.fn(call);
    }
  }
}

void run_tiles(const TileProgram& program, const void* const* data, void* const* out) {
  const int64_t work = program.numel * static_cast<int64_t>(program.steps.size());
  const int parts = work < kParallelWork ? 1 : threads();
  if (parts == 1) return run_tiles(program, data, out, 0, program.numel);
  const int64_t tiles = (program.numel + kTile - 1) / kTile;
  parallel_for(parts, [&](int64_t part) {
    int64_t begin = tiles * part / parts * kTile;
    int64_t end = std::min(program.numel, tiles * (part + 1) / parts * kTile);
    if (begin < end) run_tiles(program, data, out, begin, end - begin);
  });
}

TileFn tile_kernel(const OpRecord& op, DType dtype) { return kernels().pointwise(op.kernel, op.vjp_mask, dtype); }

DType compute_dtype(const OpRecord& op, std::span<const Strided> in, std::span<const Strided> out) {
  for (size_t i = 0; i < in.size(); ++i)
    if (!((op.bool_in >> i) & 1u)) return in[i].dtype;
  return out[0].dtype;
}

}  // namespace duet::cpu
