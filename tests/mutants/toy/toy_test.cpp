#include "toy.h"

int main() {
  std::string s = "a";
  append(s, "b");
  return largest(0, {1, 3, 2}) == 3 && largest(7, {}) == 7 && wait(9) == 9 && s == "ab" ? 0 : 1;
}
