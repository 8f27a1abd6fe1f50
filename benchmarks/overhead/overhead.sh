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

# parts FILE OPS: the instructions of all functions, then of each part of duet and of the rest. A function belongs to the
# first part that it matches, without what it calls: the parts add up. Machine code of the JIT has no name.
parts() {
  callgrind_annotate --inclusive=no --auto=no --threshold=100 "$1" | awk -v ops="$2" '
    BEGIN {
      split("dispatch infer memory kernel tape record look-up replay", name)
      pattern["dispatch"] = "duet::(dispatch|run_now|fresh_ids|builtin|Args::Args)\\("
      pattern["infer"] = "infer|duet::Spec[*][)]|broadcast_shapes|checked_numel"
      pattern["memory"] = "duet::(memory|block)::"
      pattern["kernel"] = "duet::(launch|graph::run_launch)\\(|duet::cpu::|::run\\(duet::KernelCall|pointwise_run|:0x"
      pattern["tape"] = "TapeImpl|_vjp\\(|Vjp|OperandList|sum_to"
      pattern["record"] = "graph::(Trace|Recording)::"
      pattern["look-up"] = "PlanCache::"
      pattern["replay"] = "graph::(Plan::|replay|matches)"
    }
    # What stands above the measured function is listed too, with the whole.
    !/^ *[0-9][0-9,]* \(/ || /\(100\.0%\)/ { next }
    {
      n = $1
      gsub(",", "", n)
      all += n
      for (i = 1; i <= 8; ++i) if ($0 ~ pattern[name[i]]) break
      sum[i] += n
    }
    END { for (i = 0; i <= 9; ++i) printf "%d ", (i == 0 ? all : sum[i]) / ops; print "" }'
}

printf '%10s %8s %8s %8s %8s %8s %8s %8s %8s %8s %8s  %s\n' \
  ns all dispatch infer memory kernel tape record look-up replay rest 'an operation or call'
row=0
while IFS=$'\t' read -r ops name; do
  row=$((row + 1))
  file=$work/out.$row
  ns=$(sed -n "${row}s/^ *\([0-9.]*\).*/\1/p" "$work/times")
  read -ra columns < <(parts "$file" "$ops")
  printf '%10s %8d %8d %8d %8d %8d %8d %8d %8d %8d %8d  %s\n' "$ns" "${columns[@]}" "$name"
done <"$work/rows"
