#include "duet/ops/pointwise.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "cpu/threads.h"
#include "cpu/tiles.h"
#include "duet/formula.h"
#include "duet/grad.h"
#include "ops/convert.h"

namespace duet {
namespace {

template <class... Ops>
struct Records {
  static constexpr OpRecord table[] = {make_record<Ops>(index_in<Ops>(static_cast<const PointwiseOps*>(nullptr)))...};
};
template <class... Ops>
constexpr Records<Ops...> records_of(const OpList<Ops...>*) {
  return {};
}
using Table = decltype(records_of(static_cast<const PointwiseOps*>(nullptr)));

// Elements above which one eager call is shared out among threads.
constexpr int64_t kParallelElements = int64_t{64} * 1024;

// The shape and dtype that operands have after broadcasting.
[[gnu::noinline]] void joined_infer(const OpRecord& op, const Args& in, Spec* out) {
  const Shape* shape = nullptr;  // of the operands so far
  Shape joined[2];
  DType dtype = DType::boolean;
  int typed = -1;  // the operand that says the dtype
  for (int i = 0; i < in.size(); ++i) {
    const Arg& a = in[i];
    if ((op.bool_in >> i) & 1u) {
      check<DTypeError>(a.dtype == DType::boolean, "{}: operand {} must be bool: {}; compare it first, as in x != 0",
                        op.name, i + 1, in.text(i));
    } else if (a.tensor == nullptr && in.halves()) {
      // Counts in f32, whatever stands beside it.
    } else if (typed < 0) {
      dtype = a.dtype;
      typed = i;
    } else if (a.dtype != dtype) {
      fail<DTypeError>("{}: element types differ: {} and {}; convert one with .to({})", op.name, in.text(typed),
                       in.text(i), name(is_float(a.dtype) ? a.dtype : dtype));
    }
    if (shape == nullptr || *shape == *a.shape) {
      shape = a.shape;
      continue;
    }
    Shape& common = joined[shape == &joined[0] ? 1 : 0];
    if (!broadcast_shapes(*shape, *a.shape, common)) {
      std::string all;
      for (int k = 0; k < in.size(); ++k)
        if (in[k].kind <= Operand::Kind::rvalue) all += (all.empty() ? "" : ", ") + to_string(in.text(k));
      fail<ShapeError>("{}: shapes do not broadcast: {}; axes must be equal or 1, aligned at the last", op.name, all);
    }
    shape = &common;
  }
  if (!contains(op.accepts, is_half(dtype) ? DType::f32 : dtype))
    fail<DTypeError>("{}: takes {}: {}; use .to(f32)", op.name,
                     op.accepts == kFloats ? "floating numbers" : "numbers, not bool", in.text(std::max(typed, 0)));
  for (int i = 0; i < op.outputs; ++i) out[i] = {op.bool_out ? DType::boolean : dtype, *shape};
}

}  // namespace

const OpRecord& builtin(const PointwiseOps*, int i) { return Table::table[i]; }

const OpRecord* make_user_record(OpRecord record, UserFormula formula) {
  static std::mutex mutex;
  static std::deque<std::pair<OpRecord, UserFormula>> kept;  // a deque: records never move
  prune(formula.f32);
  prune(formula.f64);
  std::lock_guard lock(mutex);
  auto& entry = kept.emplace_back(record, std::move(formula));
  entry.first.formula = &entry.second;
  return &entry.first;
}

void pointwise_infer(const OpRecord& op, const Args& in, Attrs, Spec* out) {
  if (const Block* b = in.alike(); b != nullptr && contains(op.accepts, b->dtype)) {
    out[0] = {op.bool_out ? DType::boolean : b->dtype, b->shape};
    for (int i = 1; i < op.outputs; ++i) out[i] = out[0];
    return;
  }
  joined_infer(op, in, out);
}

namespace {

// 16-bit floats, eagerly and where nobody looks at the operation itself: in f32 between casts, a tile at a time.
void run_on_halves(const KernelCall& call) {
  static thread_local cpu::TileProgram program;
  program.clear(call.out[0].numel);
  cpu::Register in[cpu::kMaxTileInputs], out[cpu::kMaxTileOutputs];
  std::vector<const void*> data;
  void* results[cpu::kMaxTileOutputs];
  for (size_t i = 0; i < call.in.size(); ++i) {
    const Strided& x = call.in[i];
    in[i] = program.add_source(cpu::make_source(x.dtype, *x.shape, x.strides, *call.out[0].shape));
    data.push_back(x.data);
  }
  for (size_t i = 0; i < call.in.size(); ++i) {
    const DType from = call.in[i].dtype;
    if (!is_half(from)) continue;
    const cpu::Register wide = program.add_temporary();
    program.add_cast(cast_tile(from, DType::f32), from, DType::f32, std::exchange(in[i], wide), wide);
  }
  for (size_t i = 0; i < call.out.size(); ++i) {
    results[i] = call.out[i].data;
    out[i] = is_half(call.out[i].dtype) ? program.add_temporary() : program.add_output(call.out[i].dtype);
  }
  program.add_op(call.op, DType::f32, in, out);
  for (size_t i = 0; i < call.out.size(); ++i)
    if (const DType to = call.out[i].dtype; is_half(to))
      program.add_cast(cast_tile(DType::f32, to), DType::f32, to, out[i], program.add_output(to));
  program.pack_temporaries();
  data.resize(program.sources.size());
  cpu::run_tiles(program, data.data(), results);
}

}  // namespace

void pointwise_run(const KernelCall& call) {
  const OpRecord& op = call.op;
  const DType dtype = cpu::compute_dtype(op, call.in, call.out);
  const Shape& space = *call.out[0].shape;
  const int64_t n = call.out[0].numel;
  if (n == 0) return;
  if (std::any_of(call.in.begin(), call.in.end(), [](const Strided& x) { return is_half(x.dtype); }))
    return run_on_halves(call);
  if (op.formula == nullptr) {
    // The common case by hand: everything dense or a single element, one kernel call a thread.
    cpu::TileCall tile;  // filled in as far as the operands go: zeros would cost as much as the kernel
    tile.scalars = 0;
    tile.imm = 0;
    bool simple = true;
    for (size_t i = 0; i < call.in.size(); ++i) {
      const Strided& x = call.in[i];
      tile.in[i] = x.data;
      if (x.numel == 1 && n != 1)
        tile.scalars |= 1u << i;
      else
        simple = simple && x.dense && x.numel == n;
    }
    for (size_t i = 0; i < call.out.size(); ++i) tile.out[i] = call.out[i].data;
    if (simple) {
      const cpu::TileFn fn = cpu::tile_kernel(op, dtype);
      tile.n = n;
      const int parts = n < kParallelElements ? 1 : cpu::threads();
      if (parts == 1) return fn(tile);
      const int64_t tiles = (n + cpu::kTile - 1) / cpu::kTile;
      cpu::parallel_for(parts, [&](int64_t part) {
        cpu::TileCall mine = tile;
        int64_t begin = tiles * part / parts * cpu::kTile;
        mine.n = std::min(n, tiles * (part + 1) / parts * cpu::kTile) - begin;
        for (size_t i = 0; i < call.in.size(); ++i)
          if (!((tile.scalars >> i) & 1u))
            mine.in[i] =
                static_cast<const char*>(tile.in[i]) + begin * static_cast<int64_t>(size_bytes(call.in[i].dtype));
        for (size_t i = 0; i < call.out.size(); ++i)
          mine.out[i] = static_cast<char*>(tile.out[i]) + begin * static_cast<int64_t>(size_bytes(call.out[i].dtype));
        if (mine.n > 0) fn(mine);
      });
      return;
    }
  }
  static thread_local cpu::TileProgram program;
  program.clear(n);
  cpu::Register in[cpu::kMaxTileInputs], out[cpu::kMaxTileOutputs];
  std::vector<const void*> data;
  void* results[cpu::kMaxTileOutputs];
  for (size_t i = 0; i < call.in.size(); ++i) {
    const Strided& x = call.in[i];
    in[i] = program.add_source(cpu::make_source(x.dtype, *x.shape, x.strides, space));
    data.push_back(x.data);
  }
  for (size_t i = 0; i < call.out.size(); ++i) {
    out[i] = program.add_output(call.out[i].dtype);
    results[i] = call.out[i].data;
  }
  program.add_op(op, dtype, in, out);
  program.pack_temporaries();
  data.resize(program.sources.size());
  cpu::run_tiles(program, data.data(), results);
}

void pointwise_vjp(VjpContext& c) {
  const OpRecord& op = c.op();
  unsigned computed = 0;
  for (int i = 0; i < op.inputs; ++i) {
    if (!c.wants(i)) continue;
    int same = op.vjp_same(i);
    if (same >= 0 && op.vjp_need(same).kind == Need::dy) {
      c.set(i, sum_to(c.dy(op.vjp_need(same).index), c.in_shape(i)));
    } else {
      computed |= 1u << i;
    }
  }
  if (computed == 0) return;
  const OpRecord& rule = *op.vjp_record(computed);
  unsigned used = op.vjp_used(computed);
  OperandList operands;
  for (int p = 0; p < op.vjp_parameters; ++p) {
    if (!((used >> p) & 1u)) continue;
    Need need = op.vjp_need(p);
    if (need.kind == Need::dy)
      operands.add(c.dy(need.index));
    else if (need.kind == Need::input)
      operands.add(c.input(need.index));
    else
      operands.add(c.output(need.index));
  }
  Outputs g = dispatch(rule, operands.inputs());
  for (int i = 0, k = 0; i < op.inputs; ++i)
    if ((computed >> i) & 1u) c.set(i, sum_to(g[k++], c.in_shape(i)));
}

}  // namespace duet
