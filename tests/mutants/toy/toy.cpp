// A program with a mutant of each kind: one that the test finds, one that runs for ever, one that no test can find, one
// that the compiler refuses.
#include "toy.h"

int largest(int least, const std::vector<int>& x) {
  int best = least;
  for (int v : x) best = v > best ? v : best;
  return best;
}

long wait(long steps) {
  long waited = 0;
  do {
    waited += 3;
  } while (steps != waited);
  return waited;
}

void append(std::string& to, const std::string& what) { to += what; }
