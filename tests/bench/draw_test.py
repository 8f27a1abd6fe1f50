"""benchmarks/draw.py on small made-up measurements: the pictures are XML, and the page says what was met and what was missed."""
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
MACHINE = {"cpu": "Some(R) Processor", "isa": "v3", "compiler": "g++ 12", "build": "Release", "processors": 2}


def result(name, frozen_us, peer_us):
    lives = [{"who": who, "peer": False, "min_us": us, "median_us": us, "kernels": 2, "bytes": 4096, "peak_bytes": 128}
             for who, us in (("eager", 9.0), ("compiled", 8.0), ("frozen", frozen_us))]
    peer = {"who": "jax", "peer": True, "min_us": peer_us, "median_us": peer_us}
    bar = {"what": "frozen", "against": "jax", "bar": 0.5, "ratio": frozen_us / peer_us, "measured": True,
           "met": frozen_us / peer_us <= 0.5, "ours": frozen_us, "theirs": peer_us}
    return {"case": name, "threads": 1, "floor_us": 0.5, "floor_by": "bytes", "bits_equal": True, "max_error": 1e-7,
            "rows": [*lives, peer], "bars": [bar]}


SUITE = {**MACHINE, "command": "./run bench --peers", "date": "2026-01-01 00:00", "load": [0.5, 1.5], "single": [],
         "floors": [{"threads": 1, "gflops": 100, "triad_gbs": 10, "triad_streaming_gbs": 15}],
         "peers": [{"name": "jax", "version": "1.0", "why_not": ""}, {"name": "mlx", "version": "", "why_not": "not installed"}],
         "comparisons": [{"ours": "compiled", "theirs": "jax", "wins": 1, "geometric_mean": 0.9,
                          "ratios": [{"case": "a", "ratio": 0.2}, {"case": "b", "ratio": 4.0}]}],
         "results": [result("a", 4.0, 10.0), result("b", 4.0, 2.0)]}
CROSSOVER = {**MACHINE, "threads": 1, "points": [
    {"batch": batch, "width": width, "eager_us": 4.0, "compiled_us": 5.0, "frozen_us": 2.0, "regime": "flops",
     "overhead_us": 0.1, "bandwidth_us": 0.2, "flops_us": 1.0, "compiled_pays_after": -1, "frozen_pays_after": 12}
    for batch in (1, 64) for width in (32, 64)]}


def main():
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, data in (("suite", SUITE), ("crossover", CROSSOVER)):
            files.append(pathlib.Path(folder) / f"{name}.json")
            files[-1].write_text(json.dumps(data))
        subprocess.run([sys.executable, ROOT / "benchmarks" / "draw.py", *files, "--to", folder], check=True)
        pictures = {f.name: xml.etree.ElementTree.parse(f) for f in pathlib.Path(folder).glob("*.svg")}
        assert sorted(pictures) == ["bars.svg", "crossover.svg"], pictures
        words = " ".join(t.text for t in pictures["crossover.svg"].iter("{http://www.w3.org/2000/svg}text"))
        assert "12 calls" in words and "never" in words, words
        page = (pathlib.Path(folder) / "some-2.md").read_text()
        for line in ("## Bars: 1 of 2 met", "| a | frozen | 4.00 | 10.0 | jax | 0.40 | 0.50 | met |",
                     "| b | frozen | 4.00 | 2.00 | jax | 2.00 | 0.50 | **missed** |", "**slower**: b 4.00",
                     "mlx not available: not installed", "![crossover](crossover.svg)", "./run bench --peers",
                     "before and after: 0.5, 1.5;"):
            assert line in page, f"{line!r} is not in\n{page}"


main()
