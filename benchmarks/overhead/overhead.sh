#!/usr/bin/env bash
# overhead.sh PROGRAM: what duet costs beside its kernels, in nanoseconds (the least of many) and in instructions, which
# repeat. Instructions are counted by valgrind where it is installed; it has no AVX-512, so kernels are those of v3.
set -euo pipefail
program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$program" >"$work/times"
if ! command -v callgrind_annotate >/dev/null; then
  echo "valgrind is not installed: times only (sudo apt-get install valgrind counts instructions)"
  cat "$work/times"
  exit
fi
valgrind --tool=callgrind --compress-strings=no --collect-atstart=no --toggle-collect=duet_measured \
  --dump-after=duet_measured --callgrind-out-file="$work/out" "$program" --once >"$work/rows" 2>"$work/log" ||
  { cat "$work/log" >&2 && exit 1; }

# inclusive FILE PATTERN: instructions of the functions that match, with what they call.
inclusive() {
  callgrind_annotate --inclusive=yes --auto=no --threshold=100 "$1" |
    awk -v pattern="$2" '$0 ~ pattern && !/PROGRAM TOTALS/ { n = $1; gsub(",", "", n); sum += n } END { print sum + 0 }'
}

printf '%10s %10s %8s %8s %8s %8s %8s %8s  %s\n' ns all infer memory kernel tape record look-up 'an operation or call'
row=0
while IFS=$'\t' read -r ops name; do
  row=$((row + 1))
  file=$work/out.$row
  ns=$(sed -n "${row}s/^ *\([0-9.]*\).*/\1/p" "$work/times")
  columns=()
  # The whole; then its parts, which do not contain each other.
  for part in ':duet_measured' 'pointwise_infer\(' 'duet::memory::(de)?allocate\(' 'duet::(launch|graph::run_launch)\(' \
    'TapeImpl::note\(' 'Trace::record\(' 'PlanCache::find\('; do
    columns+=("$(($(inclusive "$file" "$part") / ops))")
  done
  printf '%10s %10d %8d %8d %8d %8d %8d %8d  %s\n' "$ns" "${columns[@]}" "$name"
done <"$work/rows"
