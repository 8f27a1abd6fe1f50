// What is checked of every wrong call: the error, that nothing changed, and that the next good call works.
#pragma once

#include <fmt/format.h>

#include <map>
#include <set>

#include "bad_calls/call.h"

namespace duet::bad {

/// What came of the calls of all functions.
struct Tally {
  std::map<std::string, int64_t> by_family;
  std::set<std::string> functions;
  std::vector<std::string> failures;
  int64_t calls = 0, made = 0;  // wrong calls; how often they were made, over all modes

  void fail(std::string what) {
    if (failures.size() < 5000) failures.push_back(std::move(what));
  }
};

/// The bits of what can be read of the arguments.
inline std::string bits_of(const Values& v) {
  std::string all;
  for (size_t i = 0; i < v.size(); ++i)
    if (const auto* t = std::get_if<Tensor>(&v[i]); t != nullptr && t->defined() && t->block().trace == nullptr)
      all += expect::bits(*t);
  return all;
}

/// Whether a message has the form `<operation>: <what is wrong>: <operands>; <what to do> [file:line]`, says what is
/// asked for, and names a line of these tests.
inline std::string bad_form(const Function& f, const Error& e) {
  const std::string text = e.what();
  const size_t colon = text.find(": ");
  if (colon == text.npos || colon == 0) return "names no operation";
  const std::string who = text.substr(0, colon);
  std::vector<std::string> may = f.says;
  may.insert(may.end(), {f.name, "shape", "axes", "allocate", "freeze"});  // freeze looks at its arguments first
  if (std::find(may.begin(), may.end(), who) == may.end()) return "is of " + who;
  const auto has = [&](const char* words) { return text.find(words) != text.npos; };
  const bool asks = has("; ") || has(" must ") || has("takes ") || has(" need ") || has(" needs ") || has("at least") ||
                    has("at most") || has(" needed");
  // (A file is what it is.)
  if (f.family != "files" && !asks) return "says not what to do";
  if (text.find("internal error") != text.npos) return "is an internal error";
  if (text.find_first_of("\n\r\t") != text.npos) return "has more than a line";
  const std::string_view file = e.line().file != nullptr ? e.line().file : "";
  if (f.family == "members") return "";  // shape() and its like know no line
  if (file.find("bad_calls") == file.npos) return "names no line of the user";
  if (!text.ends_with(" [" + to_string(e.line()) + "]")) return "does not end with the line";
  return "";
}

/// The class of what a call throws, "nothing" for a call that is legal, and what is wrong with the message.
template <class Call>
std::string thrown(const Function& f, Call&& call, std::string& wrong) {
  try {
    call();
    return "nothing";
  } catch (const Error& e) {
    if (typeid(e) == typeid(OutOfMemory) && std::string_view(e.what()).find("any machine") == std::string_view::npos)
      wrong = std::string("asks for memory: ") + e.what();
    if (std::string form = bad_form(f, e); !form.empty()) wrong = form + ": " + e.what();
    return typeid(e).name();
  } catch (const std::exception& e) {
    wrong = std::string("throws what is no duet::Error: ") + typeid(e).name() + " " + e.what();
    return typeid(e).name();
  }
}

/// A function of its tensors, to be compiled and frozen; the other arguments are what `now` points at.
struct OfTensors {
  const Function* f;
  Values* now;
  Tensors operator()(const Tensors& x) const {
    Values v = *now;
    size_t next = 0;
    for (size_t i = 0; i < v.size(); ++i)
      if (std::holds_alternative<Tensor>(v[i])) v[i] = x[next++];
    return f->call(v);
  }
};
inline Tensors tensors_of(const Values& v) {
  Tensors all;
  for (size_t i = 0; i < v.size(); ++i)
    if (const auto* t = std::get_if<Tensor>(&v[i])) all.push_back(*t);
  return all;
}

/// Makes all the wrong calls of one function: with each wrong value of each argument, and with those of two.
class Checker {
 public:
  Checker(const Function& f, Tally& tally, int64_t max_pairs) : f_(f), tally_(tally), good_(values()) {
    tally_.functions.insert(f.name);
    try {
      good_result_ = f_.call(good_);
    } catch (const std::exception& e) {
      tally_.fail(fmt::format("{}: the good call throws {}", f_.name, e.what()));
      return;
    }
    good_bits_ = expect::tree_bits(good_result_);
    std::vector<Place> refused;
    for (size_t i = 0; i < f_.arguments.size(); ++i)
      for (size_t k = 0; k < f_.arguments[i].wrong.size(); ++k)
        if (check({{i, k}}, false)) refused.emplace_back(i, k);
    if (!f_.pairs) return;
    int64_t pairs = 0;
    for (size_t a = 0; a < refused.size(); ++a)
      for (size_t b = a + 1; b < refused.size(); ++b)
        if (refused[a].first != refused[b].first && (a * 7 + b * 3) % 5 == 0 && pairs < max_pairs)
          pairs += check({refused[a], refused[b]}, true);
  }

 private:
  using Place = std::pair<size_t, size_t>;  // argument, wrong value

  Values values() const {
    std::vector<Value> all;
    for (const Argument& a : f_.arguments) all.push_back(a.good);
    return Values(std::move(all));
  }

  bool check(const std::vector<Place>& wrong, bool may_be_legal) {
    Values v = good_;
    std::string title = f_.name + "(";
    for (auto [i, k] : wrong) {
      v[i] = f_.arguments[i].wrong[k].value;
      title += (title.back() == '(' ? "" : ", ") + f_.arguments[i].name + " " + f_.arguments[i].wrong[k].what;
    }
    title += ")";
    auto complain = [&](const std::string& mode, const std::string& what) {
      tally_.fail(fmt::format("{}, {}: {}", title, mode, what));
    };
    auto run = [&](const std::string& mode, auto&& call, auto&& next_good) {
      const std::string before = bits_of(v);
      std::string problem;
      const std::string type = thrown(f_, call, problem);
      ++tally_.made;
      if (!problem.empty()) complain(mode, problem);
      if (thread_state.trace != nullptr || thread_state.tape != nullptr || thread_state.batch != nullptr ||
          thread_state.line.file != nullptr)
        complain(mode, "leaves something behind in the thread");
      if (bits_of(v) != before) complain(mode, "changes an argument");
      std::string next;
      try {
        if (expect::tree_bits(next_good()) != good_bits_) next = "the next good call gives other bits";
      } catch (const std::exception& e) {
        next = std::string("the next good call throws ") + e.what();
      }
      if (!next.empty()) complain(mode, next);
      return type;
    };
    const int64_t live = memory_stats().live_bytes;
    auto look = [&](const char* mode) {
      if (memory_stats().live_bytes != live) complain(mode, "keeps memory");
    };
    const std::string eager = run(
        "eager", [&] { f_.call(v); }, [&] { return f_.call(good_); });
    look("eager");
    if (eager == "nothing") {
      if (!may_be_legal) complain("eager", "is legal");
      return false;
    }
    if (wrong.size() == 1) thrown_by_[wrong[0]] = eager;
    ++tally_.calls, ++tally_.by_family[f_.family];
    if (f_.life == Life::host) return true;
    Values now = v;
    const OfTensors g{&f_, &now};
    bool tensors_only = true;  // what else a frozen function reads is what it was recorded with
    for (auto [i, k] : wrong) tensors_only &= std::holds_alternative<Tensor>(v[i]);
    auto alike = [&](const std::string& mode, const auto& made, const auto& next) {
      now = v;
      const std::string type = run(
          mode, [&] { made(tensors_of(v)); },
          [&] {
            now = good_;
            return next(tensors_of(good_));
          });
      // Of two errors a mode may find the other first.
      const bool either = wrong.size() == 2 && (type == thrown_by_[wrong[0]] || type == thrown_by_[wrong[1]]);
      if (type != eager && !either) complain(mode, fmt::format("throws {}, eagerly {}", type, eager));
    };
    {
      auto compiled = compile(g);
      alike("compiled", compiled, compiled);
    }
    look("compiled");
    {
      const FreezeOptions options{.on_new_shape = OnNewShape::retrace};
      auto frozen = freeze(g, options);
      alike("frozen", frozen, tensors_only ? frozen : freeze(g, options));
    }
    look("frozen");
    return true;
  }

  const Function& f_;
  Tally& tally_;
  Values good_;
  Tensors good_result_;
  std::string good_bits_;
  std::map<Place, std::string> thrown_by_;  // the class of the error
};

}  // namespace duet::bad
