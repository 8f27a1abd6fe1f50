#include "graph/explain_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "io/file.h"

namespace duet {
namespace graph {
namespace {

// Functions whose explanations are due; never destroyed, since functions may die after everything else.
struct Due {
  std::mutex mutex;
  std::string folder;
  std::vector<PlanCache*> caches;
  std::vector<std::string> names;  // that were given

  Due() {
    const char* text = std::getenv("DUET_EXPLAIN");
    folder = text != nullptr ? text : "";
    if (!folder.empty()) std::atexit([] { due().at_exit(); });
  }
  static Due& due() {
    static Due* const the = new Due();
    return *the;
  }
  // "mlp_59" for what was compiled in line 59 of mlp.cpp, "mlp_59_2" for the second one.
  std::string fresh_name(const Explanation& e) {
    const Line line = e.line.file != nullptr ? e.line : e.plans.empty() ? Line() : e.plans[0].line;
    std::string name = "function";
    if (line.file != nullptr) name = fmt::format("{}_{}", std::filesystem::path(line.file).stem().string(), line.line);
    const auto before = std::ranges::count(names, name);
    names.push_back(name);
    return before == 0 ? name : fmt::format("{}_{}", name, before + 1);
  }
  void write(const PlanCache& cache) {
    const Explanation e = detail::explain_plans(cache, cache.frozen().empty() ? Mode::compiled : Mode::frozen);
    if (e.events.empty() && !e.switched_off) return;  // never called
    const std::string path = folder + '/' + fresh_name(e);
    try {
      std::filesystem::create_directories(folder);
      for (const char* end : {".txt", ".json", ".svg"}) e.save(path + end);
      fmt::print(stderr, "duet: {}.svg, .txt, .json: {}\n", path, summary(e));
    } catch (const std::exception& error) {  // a program must not end otherwise because it cannot be explained
      fmt::print(stderr, "duet: DUET_EXPLAIN: {}\n", error.what());
    }
  }
  static std::string summary(const Explanation& e) {
    const std::string text = to_string(e);
    return text.substr(0, std::min(text.find("  "), text.find('\n')));
  }
  void at_exit() {
    std::lock_guard lock(mutex);
    for (PlanCache* cache : caches) write(*cache);
    caches.clear();
  }
};

}  // namespace

void explain_later(PlanCache& cache) {
  Due& due = Due::due();
  if (due.folder.empty()) return;
  std::lock_guard lock(due.mutex);
  due.caches.push_back(&cache);
}

void explain_now(PlanCache& cache) {
  Due& due = Due::due();
  if (due.folder.empty()) return;
  std::lock_guard lock(due.mutex);
  if (std::erase(due.caches, &cache) > 0) due.write(cache);
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80                   ? 1
                          : lead >= 0xc2 && lead < 0xe0 ? 2
                          : (lead & 0xf0) == 0xe0       ? 3
                          : lead >= 0xf0 && lead < 0xf5 ? 4
                                                        : 0;
    uint32_t code = length > 1 ? lead & (0x7fu >> length) : lead;
    bool good = length > 0 && i + length <= text.size();
    for (size_t k = 1; good && k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xc0) == 0x80;
      code = code << 6 | (next & 0x3fu);
    }
    constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    good = good && code >= kSmallest[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) &&
           code != 0xfffe && code != 0xffff;
    good = good && (code >= 0x20 || code == '\n' || code == '\t');
    out.append(good ? text.substr(i, length) : "?");
    i += good ? length : 1;
  }
  return out;
}

}  // namespace graph

void Explanation::save(const std::string& path) const {
  std::string text;
  const std::string_view name = path;
  if (name.ends_with(".svg"))
    text = to_svg(*this);
  else if (name.ends_with(".json"))
    text = to_json(*this);
  else if (name.ends_with(".txt"))
    text = to_string(*this) + "\n\n" + chart() + '\n';
  else
    fail<Error>("explain: a picture ends in .svg, data in .json, text in .txt: {}; choose one of these names",
                io::quote(path));
  io::OutputFile file("explain: " + path, path);
  file.write(text);
  file.commit();
}

}  // namespace duet
