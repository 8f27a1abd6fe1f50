// Functions of a generated program: the formulas of operations, and what a pass does to one element.
#pragma once

#include <functional>
#include <map>

#include "cpu/segments.h"
#include "cuda/codegen/text.h"

namespace duet::cuda {

/// What a pass does to one element: a function of the sources it reads, in this order, that writes its outputs.
struct Element {
  std::string function;      // its name; empty for a pass without steps
  std::vector<int> sources;  // of the pass's program
  std::vector<Type> source_types, output_types;
};

class Functions {
 public:
  /// Of the operand where a pass finds it; `wanted` where that is nobody's memory.
  using TypeOf = std::function<Type(const cpu::Place&, Type wanted)>;

  /// The function of a pass; one that another pass has already is shared.
  Element element(const cpu::Pass& pass, const TypeOf& type_of_place, std::string_view wanted_name);
  /// A function that is there already under the same text, or `wanted_name`, made unique, after adding it: `text`
  /// says @NAME@ where the name belongs.
  std::string add(const std::string& text, std::string_view wanted_name);

  /// A loop over elements, by its parameters and bodies: `apart` with an element a thread, `packed` with more, in
  /// groups where `wide` says so. Kernels that run the same loop share it, and it is compiled once.
  struct Loop {
    std::string parameters, apart, packed;
  };
  std::string loop(const Loop& loop, bool packs, std::string_view wanted_name);

  std::string text() const;

 private:
  std::string formula(const OpRecord& op, Type number);
  std::string unique(std::string_view wanted);

  struct KnownLoop {
    Loop loop;
    std::string name;
    int uses = 0;
    bool packs = false;
  };
  static std::string text_of(const KnownLoop& l);

  std::string text_;  // "@LOOP 3@" where the text of a loop belongs
  std::vector<KnownLoop> loops_;
  std::map<std::string, std::string> known_;  // texts with @NAME@ for the name, and their names
  std::map<std::string, int> names_;          // how often each was wanted
  std::map<std::pair<const OpRecord*, Type>, std::string> formulas_;
};

}  // namespace duet::cuda
