#!/usr/bin/env python3
"""One peer of ./run bench --peers: takes a case at a time from standard input and says how long its calls take.

    worker.py PEER THREADS          the protocol, a line a question:
        case FAMILY SIZE...         "ok" when the case is ready and warm, "no REASON" when there is none
        run SECONDS                 microseconds a call, of batches of calls of about a millisecond
        memory                      bytes that calls of the case take at their peak beyond what is held between them
    worker.py PEER THREADS first    milliseconds of the first call of the digits step, in this fresh process
    worker.py PEER THREADS memory FAMILY SIZE...    the answer to "memory", in this fresh process
"""
import ctypes
import gc
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

MODULES = {"torch": "torch_cases", "torch.compile": "torch_cases", "jax": "jax_cases", "tf": "tf_cases",
           "tf-xla": "tf_cases", "ort": "ort_cases", "mlx": "mlx_cases", "numexpr": "numpy_cases",
           "numpy": "numpy_cases"}
BATCH_SECONDS = 0.001


def batch_of(f):
    n = 1
    while True:
        start = time.perf_counter()
        for _ in range(n):
            f()
        if time.perf_counter() - start > BATCH_SECONDS / 2:
            return n
        n *= 2


def sample(f, n, seconds):
    us, end = [], time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        for _ in range(n):
            f()
        stop = time.perf_counter()
        us.append((stop - start) / n * 1e6)
        if stop > end:
            return us


def resident(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0


def peak_bytes(f):
    """What the framework says itself, or else the system's count of resident pages; the allocator was told to give all
    back at once. What a step leaves behind beside parameters, as gradients, is let go first."""
    for _ in range(4):
        f()
    if hasattr(f, "own_peak_bytes"):
        return f.own_peak_bytes()
    if hasattr(f, "let_go"):
        f.let_go()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = resident("VmRSS:")
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    for _ in range(3):
        f()
    return resident("VmHWM:") - before


def in_fresh_process(arguments, **variables):
    """The number that this program prints when it is called so; None when it fails."""
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=False,
                          env=dict(os.environ, **variables))
    return float(done.stdout.split()[-1]) if done.returncode == 0 else None


def serve(peer, threads, cases, answer):
    f, n, fixed, case = None, 1, None, []
    for line in sys.stdin:
        word, *rest = line.split()
        try:
            if word == "case":
                f = fixed = None  # the last case's arrays go first
                gc.collect()
                family, sizes, case = rest[0], [int(x) for x in rest[1:]], rest
                if family == "first_call" and "digits_adam" in cases:
                    with tempfile.TemporaryDirectory() as empty:  # nothing that was compiled before
                        ms = in_fresh_process([peer, str(threads), "first"], TORCHINDUCTOR_CACHE_DIR=empty)
                    fixed = ms and ms * 1e3
                    answer("ok" if fixed else "no first call")
                elif family not in cases:
                    answer("no such case")
                else:
                    f = cases[family](*sizes)
                    for _ in range(4):
                        f()
                    n = batch_of(f)
                    gc.collect()
                    gc.disable()
                    answer("ok")
            elif word == "run":
                answer(" ".join(f"{us:.4f}" for us in ([fixed] if fixed else sample(f, n, float(rest[0])))))
            elif word == "memory":
                peak = in_fresh_process([peer, str(threads), "memory", *case], MALLOC_MMAP_THRESHOLD_="65536",
                                        MALLOC_TRIM_THRESHOLD_="0")
                answer(str(-1 if peak is None else peak))
        except Exception as error:  # a case that fails is no case; the log has the rest
            import traceback
            traceback.print_exc()
            answer("no " + repr(error).replace("\n", " "))


def main():
    peer, threads = sys.argv[1], int(sys.argv[2])
    # What libraries print goes to the log, the answers alone to the pipe.
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(text):
        print(text, file=pipe, flush=True)

    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="")
    here = pathlib.Path(__file__).resolve()
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(here.parents[2] / "build" / "peers" / "inductor"))
    try:
        version, cases = importlib.import_module(MODULES[peer]).load(peer, threads)
    except ImportError as error:
        return answer(f"no not installed: {error}")
    if sys.argv[3:] == ["first"]:
        f = cases["digits_adam"](32)
        start = time.perf_counter()
        f()
        return answer(f"{(time.perf_counter() - start) * 1e3:.4f}")
    if sys.argv[3:4] == ["memory"]:
        return answer(str(peak_bytes(cases[sys.argv[4]](*map(int, sys.argv[5:])))))
    answer(f"ready {version}")
    serve(peer, threads, cases, answer)


if __name__ == "__main__":
    main()
