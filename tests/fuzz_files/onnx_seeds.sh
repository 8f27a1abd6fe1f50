#!/usr/bin/env bash
# onnx_seeds.sh PROGRAM CORPUS: what the program writes is in the corpus.
set -euo pipefail
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
"$1" "$seeds"
for seed in "$seeds"/*; do
  cmp "$seed" "$2/${seed##*/}" || { echo "write the corpus anew: $1 $2" && exit 1; }
done
