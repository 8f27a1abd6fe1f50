#!/usr/bin/env bash
# mutants_test.sh PROGRAM CXX: plants every mutant of toy/, and looks at which live, which die, and of what.
set -uo pipefail
program=$1 cxx=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$(dirname "$0")"/toy/* "$work" || exit 1
mkdir -p "$work/tests/mutants"
tree=$work/build/mutants/tree build=$work/build/mutants/tree/build/release log=$work/build/mutants/build.log
list=$work/tests/mutants/survivors.txt
failures=0
wrong() { failures=$((failures + 1)) && echo "--- $*"; }

mutants() { "$program" "$1" --root "$work" --sample 100 "${@:2}"; }
compile() { (cd "$tree" && "$cxx" -std=c++20 -I. toy.cpp toy_test.cpp duet_mutant.cpp -o "$build/toy") >"$log" 2>&1; }

mutants plant || wrong "nothing is planted"
mkdir -p "$build"
echo "add_test(toy \"$build/toy\")" >"$build/CTestTestfile.cmake"
compile && wrong "strings can be subtracted"
mutants drop || wrong "the compiler's error is not understood: $(cat "$log")"
mutants plant
compile || wrong "what is left does not compile: $(cat "$log")"
mutants drop && wrong "a mutant is dropped that compiles"
"$build/toy" || wrong "the test fails without a mutant"

# says STATUS FATE MUTANT
says() { grep -A1 "^[0-9]* $1" <<<"$got" | grep -qxF "  toy.cpp: $2" || wrong "not $1: $2"; }
got=$(mutants kill --verbose)
(($? == 1)) || wrong "a survivor that is not listed is no failure"
says 'survived; not in' 'v > best -> v >= best in: for (int v : x) best = v > best ? v : best;'
says 'failed: toy' 'steps != waited -> steps == waited in: } while (steps != waited);'
says 'timed out: toy' 'waited += 3 -> waited -= 3 in: waited += 3;'

printf '%s\n' 'toy.cpp: v > best -> v >= best in: for (int v : x) best = v > best ? v : best;' '  equivalent: the same number, once more' \
  'toy.cpp: steps != waited -> steps == waited in: } while (steps != waited);' '  slower: no' >"$list"
got=$(mutants kill --only 1,4)
(($? == 1)) || wrong "what is listed and dies is no failure"
says 'failed: toy; take it off' 'steps != waited -> steps == waited in: } while (steps != waited);'
echo 'toy.cpp: v > best -> v >= best in: for (int v : x) best = v > best ? v : best;' >"$list"
got=$(mutants kill 2>&1)
[[ $? == 2 && $got == *"no reason: toy.cpp: v > best"* ]] || wrong "a survivor without a reason is no error: $got"
((failures == 0)) || { echo "$got"; exit 1; }
