// What DUET_DEBUG prints. Nothing here is reached while the level is 0.
#pragma once

#include <exception>

#include "duet/core/debug.h"
#include "graph/execute.h"

namespace duet::graph {

/// Names of a graph's values: %7 (the result that `record %7` made), arg0.3, in2, number0, or a constant written out.
std::vector<std::string> value_names(const Graph& g);

std::string number_text(const Number8& n, DType dtype);
/// "%2: f32[3] = mul(%0, number0)"
std::string node_text(const Graph& g, const Node& n, const std::vector<std::string>& names);

/// Level 3: the graph as it was recorded, then after each pass that changed it. `shown` is what was shown last.
void show_graph(std::string_view title, const Graph& g, std::vector<std::string>& shown);

/// Level 1: why a plan was made; level 4: the instructions of its kernels.
void show_plan(const Plan& plan, uint64_t number, const std::string& why);

/// The scalar instructions of a kernel's operations, a line each, with the operations as headings.
std::vector<std::string> formula_texts(const Graph& g, const Kernel& kernel, const std::vector<std::string>& names);

/// Shows a launch: level 2 that it begins, level 5 what it gave.
class ShownLaunch {
 public:
  ShownLaunch(const Launch& l, const Graph& g, const std::vector<Layout>& layouts, const std::vector<char*>& base)
      : launch_(l), graph_(g), layouts_(layouts), base_(base) {
    if (debug_level() >= 2) [[unlikely]]
      begin();
  }
  ~ShownLaunch() {
    if (debug_level() >= 5) [[unlikely]]
      end();
  }
  ShownLaunch(const ShownLaunch&) = delete;
  ShownLaunch& operator=(const ShownLaunch&) = delete;

 private:
  void begin();
  void end() const;

  const Launch& launch_;
  const Graph& graph_;
  const std::vector<Layout>& layouts_;
  const std::vector<char*>& base_;
  int exceptions_ = 0;
};

}  // namespace duet::graph

namespace duet {

/// Runs an eager kernel: level 2 shows it, level 5 what it gave.
void run_shown(const KernelCall& call);

}  // namespace duet
