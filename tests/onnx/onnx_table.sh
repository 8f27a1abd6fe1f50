#!/usr/bin/env bash
# onnx_table.sh PROGRAM PAGE: every case does what the page says, no less and no more.
set -uo pipefail
page=$(mktemp)
trap 'rm -f "$page"' EXIT
"$1" >"$page"
status=$?
((status != 77)) || { cat "$page" && exit 77; }
((status == 0)) || exit 1
diff -u "$2" "$page" || { echo "docs/onnx.md is not what the cases do; ./run docs writes it anew" && exit 1; }
