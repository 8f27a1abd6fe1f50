#include "planted.h"

#ifdef DUET_VERIFY
#include <cstdlib>
#include <string>

namespace duet {
namespace {

std::string& bug_name() {
  static std::string name = [] {
    const char* text = std::getenv("DUET_PLANT");
    return std::string(text != nullptr ? text : "");
  }();
  return name;
}
bool any = !bug_name().empty();  // asked in every kernel

}  // namespace

bool planted(std::string_view bug) { return any && bug_name() == bug; }
void plant(std::string_view bug) {
  bug_name() = bug;
  any = !bug.empty();
}

}  // namespace duet
#endif
