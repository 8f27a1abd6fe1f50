#!/usr/bin/env bash
# consume_test.sh package|subdirectory SOURCE BUILD WORK CMAKE_ARGS…: builds and runs a program outside of duet's tree.
set -euo pipefail
kind=$1 source=$2 build=$3 work=$4
shift 4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
rm -rf "$work"
mkdir -p "$work/data"
gzip -n9 <"$source/examples/data/digits/t10k-labels-idx1-ubyte" >"$work/labels.gz"
for name in train t10k; do
  cp "$work/labels.gz" "$work/data/$name-labels-idx1-ubyte.gz"
  gzip -n9 <"$source/examples/data/digits/t10k-images-idx3-ubyte" >"$work/data/$name-images-idx3-ubyte.gz"
done
cp "$source/tests/interchange/fixtures/zeros.npz" "$work/data/packed.npz"

# consumer DIR CMAKE_ARGS…: configures and builds the program in DIR.
consumer() {
  local dir=$1
  shift
  cmake -S "$here/project" -B "$dir" "$@" >"$dir.log" 2>&1 && cmake --build "$dir" >>"$dir.log" 2>&1 ||
    { cat "$dir.log" && return 1; }
}

# expect DIR TEXT: the programs in DIR print TEXT, source lines left out.
expect() {
  local got
  rm -f "$work/data/m.safetensors"
  got=$({ "$1/consumer" "$work/data" && "$1/with_eigen"; } | sed 's/ \[main.cpp:[0-9]*\]$//')
  [[ $got == "$2" ]] || { printf 'expected:\n%s\ngot:\n%s\n' "$2" "$got" && return 1; }
}

whole='bits: equal
gz: ok
save: ok
load: ok
npz: ok
packed: ok
eigen: the same'
case $kind in
  package)
    cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
    if grep -rnF -e "$source" -e "$build" "$work/prefix" --include='*.cmake'; then
      echo "the package names folders of this build" && exit 1
    fi
    consumer "$work/first" "$@" -DCMAKE_PREFIX_PATH="$work/prefix"
    expect "$work/first" "$whole"
    mv "$work/prefix" "$work/moved"
    consumer "$work/second" "$@" -DCMAKE_PREFIX_PATH="$work/moved"
    expect "$work/second" "$whole"
    ;;
  subdirectory)
    consumer "$work/build" "$@" -DDUET_SOURCE="$source" -DDUET_ZLIB=OFF -DDUET_JSON=OFF -DDUET_JIT=OFF \
      -DDUET_CUDA=OFF
    expect "$work/build" "bits: equal
gz: load_idx: $work/data/train-images-idx3-ubyte.gz: gzip data, and duet was built without zlib; unpack the file, or build duet with zlib
save: save: $work/data/m.safetensors: duet was built without nlohmann-json, which .safetensors files need; build duet with it, or use .npz
load: load: $work/data/m.safetensors: duet was built without nlohmann-json, which .safetensors files need; build duet with it
npz: ok
packed: load: $work/data/packed.npz: member 'zeros.npy': compressed, and duet was built without zlib; save it with numpy.savez, or build duet with zlib
eigen: the same"
    ;;
esac
rm -rf "$work"
