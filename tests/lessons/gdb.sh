#!/usr/bin/env bash
# gdb.sh PROGRAM: one breakpoint sees every operation with the user's line above it, and a Tensor can be printed.
set -u
program=$1
# LeakSanitizer cannot work under a debugger.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
skip() {
  echo "skipped: $1"
  exit 77
}
fail() {
  printf '%s\nnot as expected: %s\n' "$output" "$1"
  exit 1
}
command -v gdb >/dev/null || skip "there is no gdb"
gdb_run() { gdb -nx -batch -iex 'set debuginfod enabled off' -iex 'set confirm off' "$@" "$program" 2>&1; }
output=$(gdb_run -ex 'break main' -ex run)
grep -q '^Breakpoint 1, main' <<<"$output" || skip "gdb cannot run programs here"

# As many hits as operations; the program says how many there were.
output=$(gdb_run -ex 'break duet::dispatch' -ex 'ignore 1 1000000' -ex run -ex 'info breakpoints')
operations=$(sed -n 's/^operations [0-9]*, then \([0-9]*\)$/\1/p' <<<"$output")
hits=$(sed -n 's/.*already hit \([0-9]*\) times.*/\1/p' <<<"$output")
[ -n "$operations" ] && [ "$hits" = "$operations" ] || fail "breakpoint hits '$hits' = operations '$operations'"
echo "hits $hits = operations $operations"

# The second operation is tanh, called in the user's file; the tensor it works on can be shown.
output=$(gdb_run -ex 'break duet::dispatch' -ex run -ex continue -ex backtrace -ex 'frame function energy' -ex 'call duet::show(x)')
grep -E '^#[0-9]+ .*in (duet::tanh|energy|main) ' <<<"$output" | sed -E 's/0x[0-9a-f]+ in //; s/\(.*\) at .*\//(…) at /'
grep -Eq '^#[0-9]+ .*energy \(.*\) at .*steps\.cpp:7$' <<<"$output" || fail "the backtrace names the user's line"
grep -Fq '[ 0.25 -0.50  1.00] f32[3]' <<<"$output" || fail "call duet::show(x) prints the tensor"
grep -F 'f32[3]' <<<"$output"
