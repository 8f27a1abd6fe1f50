#!/usr/bin/env bash
# Tests of ./run with every outside program replaced by a stub that writes down how it was called.
set -uo pipefail

source_root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root="$work/a folder/duet"
mkdir -p "$root/docs" "$root/examples" "$work/stubs" "$work/elsewhere"
touch "$root/examples/04_mlp.cpp"
cp "$source_root/run" "$root/run"
cp -r "$source_root/.ci" "$root/.ci"
log=$work/log failures=0

stub() {
  cat >"$work/stubs/$1"
  sed -i '1i #!/bin/bash' "$work/stubs/$1"
  chmod +x "$work/stubs/$1"
}

export STUB_LOG=$log STUB_UID=0 STUB_MISSING='' STUB_GCC=12.2.0 STUB_CMAKE=3.25.1
stub id <<<'echo "$STUB_UID"'
stub sudo <<<'exit 1'
stub sleep <<<':'
stub ninja <<<':'
for newer in 12 13 14 15; do stub "g++-$newer" <<<'exit 1'; done
stub g++ <<'END'
[[ $1 == --version ]] && echo "g++ (stub) $STUB_GCC" || echo "$STUB_GCC"
END
stub dpkg-query <<'END'
for package in "${@:4}"; do [[ " $STUB_MISSING " == *" $package "* ]] || echo "installed $package"; done
[[ -z $STUB_MISSING ]]
END
stub dpkg <<<'echo "dpkg $*" >>"$STUB_LOG"'
stub apt-get <<'END'
echo "apt-get $*" >>"$STUB_LOG"
[[ $* == *install* && -n ${STUB_APT_FAILS-} ]] && echo "E: no such package" && exit 100
exit 0
END
stub cmake <<'END'
case $1 in
  --version) echo "cmake version $STUB_CMAKE" ;;
  --preset)
    [[ -z ${STUB_CONFIGURE_FAILS-} ]] || { echo "CMake Error: stub" && exit 1; }
    [[ "$*" =~ DUET_TESTS=ON ]] && tests=tests; [[ "$*" =~ DUET_BENCHMARKS=ON ]] && bench=bench
    [[ "$*" =~ --fresh ]] && fresh=fresh
    echo "configure $2" $fresh $tests $bench >>"$STUB_LOG"
    mkdir -p "build/$2/examples" "build/$2/benchmarks" && touch "build/$2/build.ninja" ;;
  --build)
    echo "build $2 ${*:5}" >>"$STUB_LOG"
    [[ -z ${STUB_BUILD_FAILS-} ]] || { echo "x.cpp:1: error: stub" && exit 1; }
    printf '#!/bin/bash\necho "cwd $PWD"; printf "[%%s]" "$@"; d=${DUET_EXPLAIN-}
      [[ -z $d || -n ${STUB_EAGER-} ]] || { mkdir -p "$d" && echo "its kernels" >"$d/a_1.txt" && echo -e "\\nduet: $d/a_1.svg, .txt, .json: compiled: 1 plan" >&2; }
      exit ${STUB_DEMO-0}\n' >"$2/examples/04_mlp"
    mkdir -p "$2/tests/fuzz" && cp "$2/examples/04_mlp" "$2/tests/fuzz/fuzz" && chmod +x "$2/tests/fuzz/fuzz"
    mkdir -p "$2/tests/docs" && printf '#!/bin/bash\necho "${STUB_PAGE-new}"; exit ${STUB_DOCS-0}\n' >"$2/tests/docs/ops_table"
    mkdir -p "$2/tests/onnx" && cp "$2/tests/docs/ops_table" "$2/tests/onnx/onnx_table" && chmod +x "$2/tests/onnx/onnx_table"
    cp "$2/examples/04_mlp" "$2/benchmarks/bench" && chmod +x "$2/benchmarks/bench"
    mkdir -p "$2/tools" && cp "$2/examples/04_mlp" "$2/tools/duet-plan"
    chmod +x "$2/examples/04_mlp" "$2/tests/docs/ops_table" "$2/tools/duet-plan" ;;
esac
END
stub python3 <<<'echo "drawn $*"'
stub ctest <<'END'
echo "ctest $*" >>"$STUB_LOG"
printf 'Start 1: a\n\n100%% tests passed, 0 tests failed out of 1\n'
END
stub gcovr <<'END'
while [[ $1 != --txt ]]; do shift; done
cat >"$2" <<'TXT'
------------------------------------------------------------------------------
                           GCC Code Coverage Report
Directory: .
------------------------------------------------------------------------------
File                                       Lines    Exec  Cover   Missing
------------------------------------------------------------------------------
include/duet/a.h                              10       9    90%   5
include/duet/a_header_whose_path_is_far_longer_than_its_column.h
                                              20       4    20%   1-16
lib/b.cpp                                    100      89    89%   3,5-7,9
lib/c.cpp                                      5       5   100%
lib/d.cpp                                      0       0    --%
------------------------------------------------------------------------------
TOTAL                                        135     107    79%
------------------------------------------------------------------------------
TXT
END
stub clang++-21 <<<'[[ $1 == -dump* ]] && echo 21.0.0 || echo "stub clang version 21.0.0"'
stub clang-tidy-21 <<<'echo "stub version 21.0.0"'
stub git <<'END'
[[ $1 == rev-parse ]] && echo 0123456789ab
[[ $1 == status ]] && echo -n "${STUB_CHANGES-}"
exit 0
END
export PATH=$work/stubs:/usr/bin:/bin
unset CXX DUET_INSTALL CMAKE_BUILD_PARALLEL_LEVEL

# expect NAME STATUS OUTPUT CALLS: the status, all output and the outside calls of the last `go`.
go() {
  : >"$log"
  out=$(cd "$work/elsewhere" && "$root/run" "$@" 2>&1 </dev/null)
  status=$?
  calls=$(cat "$log")
}
expect() {
  [[ $status == "$2" && $out == "$3" && $calls == "$4" ]] && return
  failures=$((failures + 1))
  printf -- '--- %s: status %s, wanted %s\noutput:\n%s\nwanted:\n%s\ncalls:\n%s\nwanted:\n%s\n' \
    "$1" "$status" "$2" "$out" "$3" "$calls" "$4"
}
steps() { printf 'Configuring (%s)\nBuilding (build/%s)' "$1" "$1"; }
demo_packages="libeigen3-dev libfmt-dev libcli11-dev nlohmann-json3-dev zlib1g-dev libxbyak-dev"
install="apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends"
built="build build/release --target examples/04_mlp"

go nonsense
expect "unknown command" 2 "run: unknown command 'nonsense' (./run help lists them)" ""
go check-al
expect "unknown command with a dash" 2 "run: unknown command 'check-al' (./run help lists them)" ""
go 'demo; rm'
expect "odd command" 2 "run: unknown command 'demo; rm' (./run help lists them)" ""
go help
commands=$(sed -n 's/^cmd_\([a-z-]*\)() {$/\1/p' "$root/run")
[[ $commands == *check-all* ]] || { failures=$((failures + 1)) && echo "--- check-all is no command"; }
for command in $commands; do
  grep -q "^  $command " <<<"$out" || { failures=$((failures + 1)) && echo "--- help does not name $command"; }
done

STUB_GCC=11.4.0 go demo
expect "old g++" 1 "run: g++ 11.4.0 is too old: duet needs g++ 12 or newer, or CXX=clang++ 16 or newer (Debian 12, Ubuntu 24.04 and later have them)" ""
STUB_CMAKE=3.22.1 go demo
expect "old cmake" 1 "run: cmake 3.22.1 is too old: duet needs 3.25 or newer (Debian 12, Ubuntu 24.04 and later have it)" ""
CXX=nothing++ go demo
expect "bad CXX" 1 "run: CXX=nothing++: duet needs g++ 12 or newer, or clang++ 16 or newer" ""
STUB_UID=1000 STUB_MISSING="zlib1g-dev libfmt-dev" go demo
expect "no root" 1 "run: missing packages; install them with: sudo apt-get install -y --no-install-recommends libfmt-dev zlib1g-dev" ""
STUB_MISSING=$demo_packages STUB_APT_FAILS=1 go demo
expect "apt fails" 1 "Installing packages: $demo_packages
E: no such package
E: no such package
run: failed: Installing packages: $demo_packages (status 100)
run: the packages could not be installed; try: sudo apt-get install -y --no-install-recommends $demo_packages" \
  "$install $demo_packages
dpkg --configure -a
apt-get -q -o DPkg::Lock::Timeout=600 update
$install $demo_packages"

STUB_CONFIGURE_FAILS=1 go demo
expect "configure fails" 1 "Configuring (release)
CMake Error: stub
run: failed: Configuring (release) (status 1)" ""
STUB_MISSING=zlib1g-dev go demo --mode eager 'two words'
expect "first demo" 0 "Installing packages: zlib1g-dev
$(steps release)
cwd $work/elsewhere
[--mode][eager][two words]" "$install zlib1g-dev
configure release fresh
$built"
STUB_DEMO=3 go demo x
expect "second demo, its status" 3 "Building (build/release)
cwd $work/elsewhere
[x]" "$built"
STUB_BUILD_FAILS=1 go demo
expect "build fails" 1 "Building (build/release)
x.cpp:1: error: stub
run: failed: Building (build/release) (status 1)" "$built"

go test
expect "test" 0 "$(steps release)
Testing (release)
100% tests passed, 0 tests failed out of 1
$(steps asan)
Testing (asan)
100% tests passed, 0 tests failed out of 1" "configure release tests
build build/release 
ctest --preset release -j $(nproc) --no-tests=error
configure asan fresh tests
build build/asan 
ctest --preset asan -j $(nproc) --no-tests=error"
go test --quick -R io
expect "test with arguments" 0 "Building (build/release)
Start 1: a

100% tests passed, 0 tests failed out of 1" "build build/release 
ctest --preset release -R io"
: >"$log"
out=$("$root/.ci/run" --asan 2>&1) status=$? calls=$(cat "$log")
expect ".ci/run" 0 "Building (build/asan)
Testing (asan)
100% tests passed, 0 tests failed out of 1" "build build/asan 
ctest --preset asan -j $(nproc) --no-tests=error"
go demo
expect "demo after test configures nothing" 0 "Building (build/release)
cwd $work/elsewhere
[]" "$built"
explained=$root/build/explain/04_mlp
mkdir -p "$explained" && touch "$explained/old.txt"
go explain 04_mlp --epochs 2
expect "explain" 0 "Building (build/release)
Running 04_mlp
== $explained/a_1
its kernels
$explained/a_1.svg, .txt, .json: compiled: 1 plan" "$built"
[[ $(head -c 500 "$root/build/explain/04_mlp.log") == "cwd $work/elsewhere
[--epochs][2]"* ]] || { failures=$((failures + 1)) && echo "--- explain gives the example its arguments"; }
STUB_EAGER=1 go explain 04_mlp
expect "explain an example without compiled functions" 1 "Building (build/release)
Running 04_mlp
run: explain: 04_mlp compiles no function" "$built"
STUB_EAGER=1 STUB_DEMO=3 go explain 04_mlp
expect "explain an example that fails" 3 "Building (build/release)
Running 04_mlp
cwd $work/elsewhere
[]run: failed: Running 04_mlp (status 3)" "$built"
go explain ../run
expect "explain something else" 1 "run: explain: there is no example '../run'; examples: 04_mlp" ""

go docs
expect "docs" 0 "Building (build/release)" "build build/release --target tests/docs/ops_table tests/onnx/onnx_table"
STUB_DOCS=1 STUB_PAGE=half go docs
expect "docs fail" 1 "Building (build/release)
run: docs/ops.md stays as it was" "build build/release --target tests/docs/ops_table tests/onnx/onnx_table"
[[ $(cat "$root/docs/ops.md") == new ]] || { failures=$((failures + 1)) && echo "--- docs/ops.md is not what the program printed"; }
go plan --input a.csv
expect "plan" 0 "Building (build/release)
cwd $work/elsewhere
[--input][a.csv]" "build build/release --target tools/duet-plan"
go fuzz-files --seconds x
expect "fuzz-files with a wrong number" 1 "run: fuzz-files: unknown arguments: --seconds x; it takes --seconds N" ""

go fuzz --seed 7
expect "fuzz" 0 "$(steps fuzz)
cwd $work/elsewhere
[--seed][7]" "configure fuzz fresh tests
build build/fuzz --target tests/fuzz/fuzz"
go bench --threads 1 mlp
expect "bench keeps the tests" 0 "$(steps release)
cwd $work/elsewhere
[--threads][1][mlp]" "configure release tests bench
build build/release --target benchmarks/bench"
go bench crossover
expect "bench crossover is drawn" 0 "Building (build/release)
cwd $work/elsewhere
[crossover][--json][$root/build/bench/crossover.json]drawn benchmarks/draw.py build/bench/crossover.json --to build/bench" \
  "build build/release --target benchmarks/bench"

mkdir -p "$root/lib" && touch "$root/lib/b.cpp"
go coverage
expect "coverage" 0 "$(steps coverage)
Testing (coverage)
100% tests passed, 0 tests failed out of 1
Counting lines
 20%  include/duet/a_header_whose_path_is_far_longer_than_its_column.h
 89%  lib/b.cpp
TOTAL 79%, every line in build/coverage/coverage.txt" "configure coverage fresh tests
build build/coverage 
ctest --preset coverage -j $(nproc) --no-tests=error"
summary() { sed -n '/ cores$/,$p' <<<"$out" | sed 's/([0-9]* min)/(0 min)/'; }
for changes in '' ' M run'; do
  STUB_CHANGES=$changes go check-all
  out=$(summary) calls=''
  expect "check-all, changes '$changes'" 0 "$(date +%F) 0123456789ab${changes:+ (with changes)} $(uname -m) $(nproc) cores
passed  clang (0 min)
passed  tsan (0 min)
passed  tidy (0 min)
passed  coverage (0 min)
passed  kernels (0 min)" ""
done

STUB_GCC=13.1.0 go demo
expect "new compiler" 0 "$(steps release)
cwd $work/elsewhere
[]" "configure release fresh
$built"
mv "$root" "$work/moved" && root=$work/moved
STUB_GCC=13.1.0 go demo
expect "moved folder" 0 "$(steps release)
cwd $work/elsewhere
[]" "configure release fresh
$built"
rm "$work/stubs/apt-get" "$work/stubs/ninja"
if ! PATH=$work/stubs:/bin:/usr/bin command -v apt-get >/dev/null; then
  go demo
  expect "not Debian" 1 "run: missing: ninja-build. duet needs g++ >= 12, cmake >= 3.25, ninja, Eigen >= 3.4, fmt, CLI11, nlohmann-json and zlib (tests: GoogleTest, gdb; benchmarks: google-benchmark)" ""
fi

((failures == 0)) && echo "all passed" || { echo "$failures failed" && exit 1; }
