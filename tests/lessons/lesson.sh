#!/usr/bin/env bash
# lesson.sh EXPECTED PROGRAM…: runs a program and compares what it prints with the committed text. Times are not
# compared, nor what of a plan is machine code: that is this machine's. With DUET_UPDATE_LESSONS=1 the text is written
# instead; look at the difference before you commit it.
set -u
expected=$1
shift
output=$("$@" 2>&1)
status=$?
output=$(sed -E 's/[0-9]+(\.[0-9]+)? µs/_ µs/g; /^ *(machine code|tile executor): /d' <<<"$output")
if [ $status -ne 0 ]; then
  printf '%s\n%s ended with status %d\n' "$output" "$1" $status
  exit 1
fi
if [ "${DUET_UPDATE_LESSONS:-0}" = 1 ]; then
  printf '%s\n' "$output" >"$expected"
  exit 0
fi
diff -u "$expected" <(printf '%s\n' "$output")
