#!/usr/bin/env bash
# ops_table.sh PROGRAM PAGE: fails when the page is not what the program prints.
set -euo pipefail
diff -u "$2" <("$1" || echo "(the program failed)") || {
  echo "docs/ops.md is not what the tests say; write it anew with: ./run docs" >&2
  exit 1
}
