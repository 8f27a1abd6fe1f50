// Kernels ready to run: every operand resolved to a value and a layout, every program built.
#pragma once

#include "cpu/segments.h"
#include "duet/core/memory.h"
#include "duet/cuda.h"
#include "duet/graph/plan.h"

namespace duet::graph {

enum class LaunchKind : uint8_t {
  kernel,  // one operation
  matmul,  // a product; `segments` may hold one pass over its elements
  fused,   // `segments`
};

/// Labels that a kernel reads, checked before it writes anything.
struct LabelCheck {
  std::string_view op;
  int value;
  int64_t classes;
  Line line;
};

/// One read of a source or write of a result, in the order in which they happen to a block.
struct Access {
  int phase = 0;  // 0 before the segments, 1 in them, 2 after them
  int segment = 0, pass = 0, step = 0;
  bool rows = false;   // a value of rows
  bool dense = false;  // in the order of the space
};

struct Launch {
  LaunchKind kind = LaunchKind::kernel;
  const OpRecord* op = nullptr;  // kernel, matmul
  std::vector<int64_t> attrs;
  std::vector<int> inputs, outputs;  // values: of the kernel, or of the matmul

  // Programs name places in these tables.
  std::vector<int> sources;                        // values read; −1 − k: constants[k]
  std::vector<std::pair<int, int64_t>> source_at;  // of values: where their first elements are, root and bytes from it
  std::vector<std::vector<char>> constants;
  std::vector<int> results;     // values written
  std::vector<int64_t> shared;  // where storage for this launch begins in its workspace, in bytes
  int64_t workspace_bytes = 0;
  std::vector<LabelCheck> checks;
  std::vector<cpu::SmallStep> before, after;
  std::vector<cpu::Segment> segments;

  std::vector<std::vector<Access>> reads, writes;  // by source, by result
  std::vector<std::pair<int, int>> roots, places;  // of sources and of results: value and index, sorted

  std::vector<int> nodes;  // for explain
  Line line;
  int64_t bytes = 0;
  bool may_throw = false;
  bool passes_by = false;  // a matmul's product is nowhere as a whole: its pass reads it block by block
};

/// f(pass) for each pass of a launch, empty ones too.
template <class L, class F>
void for_each_pass(L& launch, F f) {
  for (auto& s : launch.before) f(s.pass);
  for (auto& s : launch.after) f(s.pass);
  for (auto& s : launch.segments)
    for (auto& stage : s.stages) {
      f(stage.rows);
      f(stage.elements);
    }
}

/// How a plan output gets its storage.
struct OutputPlan {
  int value = -1;
  int storage = -1;  // index of the output that owns the root's storage, −1: a slot does
  int root = -1;
  std::vector<int> donors;  // slots this output can be computed in, best first; only for the owner
};

struct Executable {
  std::vector<Launch> launches;
  std::vector<Layout> layouts;
  std::vector<int64_t> arena_offset;      // by value: of a root in the arena, −1 elsewhere
  std::vector<int64_t> workspace_offset;  // by launch
  std::vector<OutputPlan> outputs;
  std::vector<std::pair<int, int>> product_in;  // products that lie in the storage of an output of their epilogue
  int64_t arena_bytes = 0;
  cuda::MatmulProvider provider = cuda::matmul_provider();  // of a device's products, when the plan was made
  std::vector<std::pair<int, int>> slot_values, number_values;  // what changes from call to call: value and index
};

/// Makes the launches of a graph's kernels.
std::vector<Launch> lower(const Graph& g, const std::vector<Layout>& layouts);

/// Fills `reads`, `writes`, `roots` and `places`.
void find_accesses(Launch& launch, const std::vector<Layout>& layouts);

/// Bytes that a launch holds, its machine code among them.
size_t size_bytes(const Launch& l);

/// Memory of a device.
void* allocate_on(Device device, size_t bytes);
class Storage {
 public:
  Storage() = default;
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  void allocate(Device device, int64_t bytes);
  char* data() const { return static_cast<char*>(data_); }
  int64_t bytes() const { return static_cast<int64_t>(bytes_); }

 private:
  Device device_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

struct Pack;
/// Pointers of one launch; kept from launch to launch.
struct LaunchTables {
  const Pack* pack = nullptr;  // of a product
  std::vector<const void*> sources;
  std::vector<void*> results, shared;
};

/// A plan's view of a value; base holds the storage of every root value.
Strided strided(int v, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base);

/// Runs one launch; base holds the storage of every root value.
void run_launch(const Launch& l, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base,
                char* workspace, LaunchTables& tables);

/// Whether the launch may compute `result` in the storage of `operand`: each element is read, for the last time, no
/// later than it is written.
bool can_compute_in_place(const Launch& launch, const Graph& g, const std::vector<Layout>& layouts, int operand,
                          int result);

}  // namespace duet::graph
