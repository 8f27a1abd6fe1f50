#!/usr/bin/env bash
# on_device.sh PROGRAMS RESULTS: tests, a sample under compute-sanitizer, and the benchmarks, on this machine's CUDA device.
# PROGRAMS has gpu_tests, gpu_bench and torch_peer.py; RESULTS gets <device>.md and .json. Fails if there is no device.
set -euo pipefail
programs=$1 results=$2
export PATH=$PATH:/usr/local/cuda/bin

"$programs/gpu_bench" --info || exit 1
mkdir -p "$results"

failed=0 limit=300
step() {
  local title=$1 status=0
  shift
  echo "== $title"
  timeout "$limit" "$@" || status=$?
  ((status == 0)) || { echo "FAILED ($status; 124: not done in $limit s): $title" && failed=1; }
}
# Some tests look at the memory of the CPU.
cpu_only=$(grep -v '^#' "$programs/cpu_only_tests.txt" | paste -sd:)
step "operations, gradients and training have the CPU's bits" \
  env DUET_TEST_DEVICE=cuda "$programs/gpu_tests" --gtest_brief=1 --gtest_filter='Cuda*'
step "PyTorch's values, layers, optimisers and transforms, on the device" \
  env DUET_TEST_DEFAULT_DEVICE=cuda DUET_GOLDEN="$programs/golden" "$programs/gpu_tests" --gtest_brief=1 --gtest_filter="-Cuda*:$cpu_only"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step "compute-sanitizer, $tool" env DUET_TEST_DEVICE=cuda compute-sanitizer --tool "$tool" --error-exitcode 9 \
      "$programs/gpu_tests" --gtest_brief=1 --gtest_filter='CudaOpsTest.Matmul:CudaOpsTest.Reduce:CudaOpsTest.Index:CudaOpsTest.BroadcastingInGroups'
  done
else
  echo "== no compute-sanitizer here"
fi
step "benchmarks" "$programs/gpu_bench" --to "$results" --torch "$programs/torch_peer.py"
((failed == 0)) && echo "gpu: all passed; results in $results"
exit "$failed"
