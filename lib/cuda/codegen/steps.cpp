// What one thread of the CPU does before the segments of a launch, or when all of them are done: small passes and the
// ends of reductions. Steps that one block can do follow each other in one kernel.
#include "cuda/codegen/builder.h"

namespace duet::cuda {
namespace {

constexpr int64_t kFewTurns = 8;  // of a block's threads: elements in groups are four times the code
constexpr int64_t kMostBlocks = 1 << 16;
constexpr int64_t kMostOfOneBlock = 16 * 1024;  // elements: a step of more has a kernel of its own

class Steps {
 public:
  Steps(LaunchScope& scope, const std::string& suffix, std::string& text, std::vector<GeneratedKernel>& kernels)
      : scope_(scope), suffix_(suffix), text_(text), kernels_(kernels) {}
  ~Steps() { end(); }
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  void add(const cpu::SmallStep& step) {
    if (step.kind == cpu::SmallStep::Kind::pass) return add_pass(step.pass);
    const Type t = type_of(step.dtype);
    if (step.out.kind == cpu::Place::Kind::shared) scope_.set_type(step.out, t);
    step.kind == cpu::SmallStep::Kind::rows ? add_rows(step, t) : add_columns(step, t);
  }

 private:
  Builder& open() {
    if (builder_ == nullptr)
      builder_ = std::make_unique<Builder>(
          scope_, fmt::format("{}_{}{}", scope_.kernel_name, suffix_, count_++ == 0 ? "" : fmt::format("{}", count_)));
    return *builder_;
  }
  void end() {
    if (builder_ == nullptr) return;
    text_ += builder_->text("");
    kernels_.push_back(builder_->kernel());
    builder_.reset();
  }
  void add_pass(const cpu::Pass& pass) {
    if (pass.empty() || pass.program.numel == 0) return;
    const int64_t numel = pass.program.numel;
    if (numel > kMostOfOneBlock) {
      end();
      open().add_segment(call_elements(open(), pass, numel, numel > kMostApart));
      end();
    } else {
      open().add_step(filled(call_elements(open(), pass, numel, numel > kFewTurns * kThreads), "0", 1));
    }
  }

  // A row of more than a chunk becomes its chunks' results, which are a row again.
  void add_rows(const cpu::SmallStep& step, Type t) {
    int64_t n = step.n, used = 0;
    Room from{&step.in, 0};
    while (n > cpu::kReduceChunk) {
      const Room to{nullptr, used};
      n = reduce_level(step, t, n, from, to);
      used += ceil_div(step.count * n * size_bytes(t), 16) * 16;
      from = to;
    }
    reduce_level(step, t, n, from, {&step.out, 0});
  }

  // A place, or scratch memory from an offset on.
  struct Room {
    const cpu::Place* place;
    int64_t offset;
  };
  static std::string text_of(Builder& b, const Room& room, Type t, int64_t elements) {
    if (room.place != nullptr) return b.pointer(*room.place, t);
    return fmt::format("at<{}>({}, {})", name(t), b.scratch(room.offset + elements * size_bytes(t)), room.offset);
  }

  int64_t reduce_level(const cpu::SmallStep& step, Type t, int64_t n, const Room& from, const Room& to) {
    const int64_t chunks = std::max<int64_t>(1, ceil_div(n, cpu::kReduceChunk));
    const bool small = step.count * chunks == 1;
    if (!small) end();
    Builder& b = open();
    b.use_shared(128 * 8);
    const std::string x = text_of(b, from, t, step.count * n), y = text_of(b, to, t, step.count * chunks);
    if (small) {
      b.add_step(fmt::format("reduce_row<{}>({}, {}, {}, at<{}>(shared))", word(step.reduce), x, n, y, name(t)));
      return chunks;
    }
    const std::string function = b.name() + "_rows";
    b.add_function(
        fmt::format("DUET_FUSED_FN void {}({}* x, {}* y, i64 mine, i64 count, {}* shared) {{\n"
                    "  DUET_ROLLED\n  for (i64 unit = mine; unit < {}; unit += count) {{\n"
                    "    const i64 begin = unit % {} * {}, n = {} - begin < {} ? {} - begin : {};\n"
                    "    reduce_row<{}>(x + unit / {} * {} + begin, n, y + unit, shared);\n  }}\n}}\n",
                    function, name(t), name(t), name(t), step.count * chunks, chunks, cpu::kReduceChunk, n,
                    cpu::kReduceChunk, n, cpu::kReduceChunk, word(step.reduce), chunks, n));
    b.add_segment({fmt::format("{}({}, {}, @AT@, @COUNT@, at<{}>(shared))", function, x, y, name(t)),
                   std::min(step.count * chunks, kMostBlocks)});
    end();
    return chunks;
  }

  // Groups of 32 chunks, each into the place of its first, until one is left.
  void add_columns(const cpu::SmallStep& step, Type t) {
    int64_t count = step.count, apart = 1;
    for (bool last = false; !last;) {
      const int64_t groups = ceil_div(count, cpu::kColumnChunk);
      last = groups == 1;
      const bool small = step.n * count <= kMostOfOneBlock;
      if (!small) end();
      Builder& b = open();
      const std::string x = b.pointer(step.in, t), function = fmt::format("{}_join{}", b.name(), joins_++);
      b.add_function(
          fmt::format("DUET_FUSED_FN void {}({}* x, {}* y, i64 mine, i64 count) {{\n"
                      "  each_of<i64>({}, mine, count, [&](i64 e) {{\n"
                      "    const i64 group = {}, i = {};\n"
                      "    y[group * {} + i] = join_chunks<{}, {}>(x, {}, {}, {}, group, i);\n  }});\n}}\n",
                      function, name(t), name(t), groups * step.n, last ? "0" : fmt::format("e / {}", step.n),
                      last ? "e" : fmt::format("e % {}", step.n), last ? 0 : cpu::kColumnChunk * apart * step.n,
                      word(step.reduce), std::min<int64_t>(count, cpu::kColumnChunk), step.n, count, apart));
      const Call call{fmt::format("{}({}, {}, @AT@, @COUNT@)", function, x, last ? b.pointer(step.out, t) : x),
                      std::min(ceil_div(groups * step.n, kThreads), kMostBlocks)};
      if (small) {
        b.add_step(filled(call, "0", 1));
      } else {
        b.add_segment(call);
        end();
      }
      count = groups;
      apart *= cpu::kColumnChunk;
    }
  }

  LaunchScope& scope_;
  const std::string& suffix_;
  std::string& text_;
  std::vector<GeneratedKernel>& kernels_;
  std::unique_ptr<Builder> builder_;
  int count_ = 0, joins_ = 0;
};

}  // namespace

void add_steps(LaunchScope& scope, const std::vector<cpu::SmallStep>& steps, const std::string& suffix,
               std::string& text, std::vector<GeneratedKernel>& kernels) {
  Steps all(scope, suffix, text, kernels);
  for (const cpu::SmallStep& step : steps) all.add(step);
}

}  // namespace duet::cuda
