#!/usr/bin/env bash
# budget.sh NAME SOURCE …: holds one of duet's budgets, and prints what it measured.
set -euo pipefail
name=$1 source=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Werror)

fail() { echo "FAIL: $*" && exit 1; }
headers() { (cd "$source/include" && find duet -name '*.h' | sort); }

# inner_core SOURCE: the files of inner_core.txt have at most 3000 lines of code.
inner_core() {
  local list=$source/tests/budgets/inner_core.txt file lines total=0 budget=3000
  while read -r file; do
    lines=$(grep -cvE '^[[:space:]]*(//.*)?$' "$source/$file")
    printf '%5d %s\n' "$lines" "$file"
    total=$((total + lines))
  done < <(grep -v -e '^#' -e '^$' "$list")
  echo "inner core: $total lines of code, budget $budget"
  ((total <= budget)) || fail "the inner core has grown beyond its budget"
}

# umbrella SOURCE CXX: what duet.h drags in. The asserted figures are the same on every machine; time is printed only.
umbrella() {
  local cxx=$1 header lines own budget=90000
  echo '#include <duet/duet.h>' >"$work/umbrella.cpp"
  "$cxx" -std=c++20 -I"$source/include" -M "$work/umbrella.cpp" | tr -s ' \\\n' '\n' >"$work/headers"
  for header in functional unordered_map variant iostream chrono regex thread future map set deque sstream fstream \
    algorithm Eigen zlib.h nlohmann fmt/format.h; do
    # The standard's own parts, such as bits/chrono.h behind <mutex>, are not ours to choose.
    if grep -E "/$header(/|$)" "$work/headers" | grep -vE '/(bits|pstl)/'; then fail "duet.h includes <$header>"; fi
  done
  lines=$("$cxx" -std=c++20 -I"$source/include" -E -P "$work/umbrella.cpp" | wc -l)
  own=$(cd "$source" && cat include/duet/duet.h $(cd include && headers | sed 's#^#include/#') | wc -l)
  echo "duet.h: $lines lines preprocessed (budget $budget), $own lines of duet's headers"
  ((lines <= budget)) || fail "duet.h drags in too much"
  local TIMEFORMAT='duet.h at -O0: %U s of user time (aim 1.0; not asserted: machines differ)'
  time "$cxx" -std=c++20 -O0 -I"$source/include" -c "$work/umbrella.cpp" -o "$work/umbrella.o"
}

# headers_alone SOURCE CXX EIGEN…: each public header compiles on its own, twice over, and with the warnings on. Only
# eigen.h finds Eigen, in the folders EIGEN.
headers_alone() {
  local cxx=$1 header count=0 folder eigen
  shift
  for header in $(headers); do
    eigen=()
    [[ $header != duet/eigen.h ]] || for folder in "$@"; do eigen+=(-isystem "$folder"); done
    printf '#include "%s"\n#include "%s"\n' "$header" "$header" >"$work/alone.cpp"
    "$cxx" -std=c++20 "${warnings[@]}" -I"$source/include" "${eigen[@]}" -fsyntax-only "$work/alone.cpp" ||
      fail "$header does not stand alone"
    count=$((count + 1))
  done
  echo "$count headers stand alone"
}

# formulas SOURCE CXX [NVCC]: op headers are C++17 without Tensor, for kernel files; nvcc compiles them for the device.
formulas() {
  local cxx=$1 nvcc=${2-} header
  for header in duet/core/dtype.h duet/ops/op.h duet/ops/math.h duet/ops/scalar.h \
    $(cd "$source/include" && grep -rl 'OpList<' duet/ops --include='*.h'); do
    echo "#include \"$header\"" >"$work/op.cpp"
    "$cxx" -std=c++17 -DDUET_FORMULAS_ONLY "${warnings[@]}" -I"$source/include" -fsyntax-only "$work/op.cpp" ||
      fail "$header is not C++17"
  done
  "$cxx" -std=c++17 -DDUET_FORMULAS_ONLY "${warnings[@]}" -O1 -I"$source/include" "$source/tests/budgets/formulas.cpp" \
    -o "$work/formulas"
  "$work/formulas"
  if [[ -n $nvcc ]]; then
    "$nvcc" -x cu --std=c++17 -ccbin "$cxx" -Werror all-warnings -I"$source/include" \
      -c "$source/tests/budgets/formulas.cpp" -o "$work/formulas.o"
    echo "nvcc compiles them"
  else
    echo "no nvcc here: not tried"
  fi
}

# binary SOURCE PROGRAM…: programs linked with the static library, as the linker leaves them, have at most 5 MB. The
# kernels for CUDA devices are data of their own, read only when a device is used: at most 4 MB.
binary() {
  local program bytes kernels budget=5000000 kernel_budget=4000000
  (($#)) || fail "no program to weigh"
  for program in "$@"; do
    kernels=$(size -A -d "$program" | awk '$1 == ".duet_kernels" { print $2 }')
    bytes=$(($(stat -c %s "$program") - ${kernels:-0}))
    strip -o "$work/stripped" "$program"
    echo "$(basename "$program"): $bytes bytes, $(stat -c %s "$work/stripped") stripped; budget $budget not stripped; ${kernels:-0} bytes of kernels beside"
    ((${kernels:-0} <= kernel_budget)) || fail "the kernels in $program are too large"
    ((bytes <= budget)) || fail "$program is too large"
  done
}

"$name" "$@"
