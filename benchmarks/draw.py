#!/usr/bin/env python3
"""Writes what ./run bench --json and ./run bench crossover measured as pages and pictures. Needs nothing but Python.

    draw.py FILE...                 benchmarks/results/MACHINE.md and its pictures
    draw.py FILE... --to FOLDER     pictures and page there
    draw.py FILE... --name NAME     another name for the machine than the processor's

A file of the suite gives bars.svg, one of the crossover crossover.svg; both may be given together.
"""
import argparse
import html
import json
import math
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
INK, DIM, FAINT, GRID, PAPER, MISSED = "#1f2933", "#3f4a56", "#6b7785", "#e3e7ec", "#ffffff", "#b3261e"
COLOR = {"eager": "#e07a3f", "compiled": "#3f7fbf", "frozen": "#2f9e77", "peer": "#8a93a0"}
REGIME = {"overhead": "#f3e2b3", "bandwidth": "#bcd9ee", "flops": "#cbe6c8"}


class Svg:
    """A picture of text, boxes and lines, in one font."""

    def __init__(self, width, height, title):
        self.width, self.height, self.parts = width, height, []
        self.title = title

    def text(self, x, y, text, size=12, color=INK, anchor="start", bold=False):
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}"{weight}>'
                          f"{html.escape(text)}</text>")

    def box(self, x, y, w, h, fill, stroke="none", radius=0):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}" stroke="{stroke}" '
                          f'rx="{radius}"/>')

    def line(self, x1, y1, x2, y2, color=GRID, width=1, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
                          f'stroke-width="{width}"{dashes}/>')

    def dot(self, x, y, r, fill, text=""):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r}" fill="{fill}" stroke="{PAPER}">'
                          f"<title>{html.escape(text)}</title></circle>")

    def __str__(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
                f'height="{self.height}" font-family="system-ui, sans-serif" role="img">\n'
                f"<title>{html.escape(self.title)}</title>\n"
                f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def micro(us):
    for limit, digits in ((1, 3), (10, 2), (100, 1)):
        if us < limit:
            return f"{us:.{digits}f}"
    return f"{us:,.0f}"


def kilo(count):
    return f"{count / 1000:,.1f}" if count < 10000 else f"{count / 1000:,.0f}"


def row_of(result, who):
    return next((r for r in result["rows"] if r["who"] == who), None)


def best_peer(result):
    peers = [r for r in result["rows"] if r["peer"]]
    return min(peers, key=lambda r: r["min_us"]) if peers else None


def case_name(result):
    return result["case"] + (f" ({result['threads']} threads)" if result["threads"] > 1 else "")


def bars_picture(data):
    """A line a case: every contender's time in parts of the best peer's, or of eager's where there are no peers."""
    results = data["results"]
    left, right, top, step = 210, 70, 84, 22
    width, height = 980, top + step * len(results) + 64
    low, high = -2.0, 2.0  # decades
    svg = Svg(width, height, "Time of a call in parts of the best peer's")

    def x_of(ratio):
        at = min(max(math.log10(ratio), low), high)
        return left + (at - low) / (high - low) * (width - left - right)

    against = "the best peer's" if any(best_peer(r) for r in results) else "eager's"
    svg.text(20, 28, f"Time of a call in parts of {against}: further left is faster", 16, bold=True)
    at = 20
    for who in ("eager", "compiled", "frozen", "peer"):
        svg.dot(at + 5, 48, 5 if who != "peer" else 3.5, COLOR[who])
        label = "another framework" if who == "peer" else who
        svg.text(at + 15, 52, label, 12)
        at += 30 + 7.2 * len(label)
    svg.line(at + 4, 42, at + 4, 54, INK, 2)
    svg.text(at + 12, 52, "the bar for frozen (for eager where there is none)")
    svg.text(at + 334, 52, "a bar of the case is missed", 12, MISSED)
    for ratio, label in ((0.01, "≤ 1/100"), (0.1, "1/10"), (0.5, "1/2"), (1, "1"), (2, "2"), (10, "10"), (100, "≥ 100")):
        x = x_of(ratio)
        svg.line(x, top - 8, x, height - 46, FAINT if ratio == 1 else GRID)
        svg.text(x, height - 30, label, 11, FAINT, "middle")
    for i, result in enumerate(results):
        y = top + step * i + step / 2
        missed = any(b["measured"] and not b["met"] for b in result["bars"])
        svg.text(left - 14, y + 4, case_name(result), 12, MISSED if missed else INK, anchor="end")
        svg.line(left, y, width - right, y, GRID)
        unit = best_peer(result) or row_of(result, "eager")
        bar = next((b for b in result["bars"] if b["what"] in ("frozen", "eager")), None)
        if bar:
            svg.line(x_of(bar["bar"]), y - 8, x_of(bar["bar"]), y + 8, INK, 2)
        for row in sorted(result["rows"], key=lambda r: not r["peer"]):
            ratio = row["min_us"] / unit["min_us"]
            svg.dot(x_of(ratio), y, 3.5 if row["peer"] else 5, COLOR["peer" if row["peer"] else row["who"]],
                    f"{row['who']}: {micro(row['min_us'])} µs, {ratio:.2f}")
        frozen = row_of(result, "frozen")
        svg.text(width - right + 12, y + 4, f"{micro(frozen['min_us'])} µs", 11, FAINT)
    svg.text(width - right + 12, top - 14, "frozen", 11, FAINT)
    svg.text(20, height - 10, machine_line(data), 11, FAINT)
    return str(svg)


def mix(a, b, t):
    return "#" + "".join(f"{round(int(a[i:i + 2], 16) * (1 - t) + int(b[i:i + 2], 16) * t):02x}" for i in (1, 3, 5))


def ratio_color(ratio):
    """White at 1, green where the mode is faster, red where it is slower."""
    t = min(abs(math.log2(ratio)) / 1.5, 1)
    return mix("#ffffff", "#66bb98" if ratio < 1 else "#d9826b", t)


def crossover_picture(data):
    """Three tables over batch and width: what a step is bound by, and what compiled and frozen cost of eager's time."""
    points = data["points"]
    batches, widths = (sorted({p[k] for p in points}) for k in ("batch", "width"))
    cell_w, cell_h, left, top, gap = 58, 40, 62, 116, 46
    table = cell_w * len(widths)
    width, height = left + 3 * table + 2 * gap + 24, top + cell_h * len(batches) + 84
    svg = Svg(width, height, "Where which mode pays")
    svg.text(20, 28, "Where which mode pays: an SGD step of an MLP 64-H-H-10", 16, bold=True)
    svg.text(20, 48, machine_line(data), 11, FAINT)

    def panel(index, title, below, fill, lines):
        x0 = left + index * (table + gap)
        svg.text(x0, top - 40, title, 13, bold=True)
        svg.text(x0, top - 24, below, 11, FAINT)
        for c, w in enumerate(widths):
            svg.text(x0 + cell_w * (c + 0.5), top - 6, str(w), 11, FAINT, "middle")
        for r, b in enumerate(batches):
            y = top + cell_h * r
            svg.text(x0 - 8, y + cell_h / 2 + 4, f"{b:,}", 11, FAINT, "end")
            for c, w in enumerate(widths):
                p = next(p for p in points if p["batch"] == b and p["width"] == w)
                svg.box(x0 + cell_w * c, y, cell_w, cell_h, fill(p), PAPER, 3)
                for k, text in enumerate(lines(p)):
                    svg.text(x0 + cell_w * (c + 0.5), y + 18 + 14 * k, text, 12 if k == 0 else 10, INK if k == 0 else DIM,
                             "middle")

    def pays(calls):
        return "never" if calls < 0 else "at once" if calls <= 1 else f"{calls:,.0f} calls"

    def part(p):
        bound = max(p["overhead_us"], p["bandwidth_us"], p["flops_us"])
        return f"{100 * bound / p['frozen_us']:.0f} % of it"

    panel(0, "frozen step, µs", "and what it is bound by, in parts of its time", lambda p: REGIME[p["regime"]],
          lambda p: (micro(p["frozen_us"]), part(p)))
    for i, mode in ((1, "compiled"), (2, "frozen")):
        panel(i, f"{mode} in parts of eager's time", "and after how many calls the first one has paid",
              lambda p, m=mode: ratio_color(p[f"{m}_us"] / p["eager_us"]),
              lambda p, m=mode: (f"{p[f'{m}_us'] / p['eager_us']:.2f}", pays(p[f"{m}_pays_after"])))
    svg.text(20, top - 6, "batch", 11, FAINT)
    for i in range(3):
        svg.text(left + i * (table + gap) + table / 2, top + cell_h * len(batches) + 18, "width H", 11, FAINT, "middle")
    x, y = left, top + cell_h * len(batches) + 40
    for regime, meaning in (("overhead", "calls of kernels"), ("bandwidth", "bytes from memory or cache"),
                            ("flops", "multiply-adds")):
        svg.box(x, y - 11, 14, 14, REGIME[regime], radius=3)
        svg.text(x + 20, y, f"{regime}: {meaning}", 11)
        x += 44 + 6.2 * len(f"{regime}: {meaning}")
    svg.text(left, y + 24, "Bound by: the largest of kernels × an eager kernel on next to no data, bytes ÷ measured bandwidth, "
             "multiply-adds ÷ measured peak.", 11, FAINT)
    return str(svg)


def machine_line(data):
    threads = sorted({r["threads"] for r in data["results"]}) if "results" in data else [data["threads"]]
    count = " and ".join(map(str, threads)) + (" thread" if threads == [1] else " threads")
    return " · ".join([data["cpu"], f"{data['isa']} kernels", count, data["compiler"], data["build"]])


def table(head, rows):
    """Markdown; all columns but the first are numbers."""
    return "\n".join(["| " + " | ".join(map(str, r)) + " |" for r in
                      [head, ["---"] + ["--:"] * (len(head) - 1), *rows]]) + "\n"


def page(data, pictures):
    date, results = data["date"], data["results"]
    out = [f"# {data['cpu']}, {data['processors']} processors\n"]
    out.append(f"{date} UTC{commit()}. {machine_line(data)}.\n\n```\n{data['command']}\n```\n")
    out.append("Load average before and after: {:.1f}, {:.1f}; the run itself is 1 or 2.\n".format(*data["load"]))
    out.append("Written by `benchmarks/draw.py`. Times are of a call, in microseconds: minimum (median) of batches of about a "
               "millisecond, all contenders of a case in turns. Of floor: the least time for the case's bytes or multiply-adds "
               "at the machine's best rates of the same run, in parts of the time. Max error: against an f64 run, in parts of a "
               "tensor's largest element; Adam's first step makes a whole step of a gradient that cancels to rounding.\n")
    floors = [[f["threads"], f"{f['gflops']:.0f}", f"{f['triad_gbs']:.1f}", f"{f['triad_streaming_gbs']:.1f}",
               f"{f.get('l2_read_gbs', 0):.0f}", f"{f.get('l3_read_gbs', 0):.0f}"] for f in data["floors"]]
    out.append("## The machine\n")
    out.append(table(["threads", "multiply-add GFLOP/s", "triad GB/s", "with streaming stores", "read from L2 GB/s",
                      "from L3"], floors))
    if data["comparisons"]:
        out.append("## In short\n")
        for c in data["comparisons"]:
            slower = ", ".join(f"{r['case']} {r['ratio']:.2f}" for r in c["ratios"] if r["ratio"] >= 1)
            out.append(f"- {c['ours']} against {c['theirs']}: faster in {c['wins']} of {len(c['ratios'])} cases, "
                       f"{c['geometric_mean']:.2f} of its time in the geometric mean"
                       + (f"; **slower**: {slower}" if slower else ""))
        out.append("")
    bars = [(r, b) for r in results for b in r["bars"]]
    if bars and any(r["peer"] for result in results for r in result["rows"]):
        met = sum(b["met"] for _, b in bars)
        out.append(f"## Bars: {met} of {len(bars)} met\n")
        out.append("The ratio is duet's time (or peak of bytes) to that of the best peer of the same run; a bar is met at or below "
                   "it.\n")
        out.append(table(["case", "", "duet", "best peer", "", "ratio", "bar", ""],
                         [[case_name(r), b["what"], micro(b["ours"]) if b["measured"] else "",
                           micro(b["theirs"]) if b["theirs"] else "", b["against"],
                           f"{b['ratio']:.2f}" if b["measured"] else "", f"{b['bar']:.2f}",
                           "not measured" if not b["measured"] else "met" if b["met"] else "**missed**"] for r, b in bars]))
    out += [f"![{name}]({path})\n" for name, path in pictures]
    out.append("## Three modes\n")
    modes = []
    for r in results:
        cells = []
        for who in ("eager", "compiled", "frozen"):
            row = row_of(r, who)
            cells.append(f"{micro(row['min_us'])} ({micro(row['median_us'])})")
        frozen = row_of(r, "frozen")
        modes.append([case_name(r), *cells, f"{micro(r['floor_us'])}, {r['floor_by']}",
                      f"{100 * r['floor_us'] / frozen['min_us']:.0f} %", "equal" if r["bits_equal"] else "**DIFFER**",
                      f"{r['max_error']:.0e}"])
    out.append(table(["case", "eager", "compiled", "frozen", "floor", "frozen of floor", "bits", "max error"], modes))
    out.append("## Kernels, bytes, memory\n")
    out.append("eager / compiled / frozen; the peak is beyond the arguments, a plan's memory included.\n")
    costs = []
    for r in results:
        rows = [row_of(r, who) for who in ("eager", "compiled", "frozen")]
        costs.append([case_name(r), " / ".join(f"{x['kernels']:,}" for x in rows),
                      " / ".join(kilo(x["bytes"]) for x in rows), " / ".join(kilo(x["peak_bytes"]) for x in rows)])
    out.append(table(["case", "kernels", "kB read and written", "kB at the peak"], costs))
    names = []
    for r in results:
        names += [x["who"] for x in r["rows"] if x["peer"] and x["who"] not in names]
    if names:
        out.append("## Other frameworks, µs\n")
        rows = []
        for r in results:
            best = best_peer(r)
            cells = []
            for who in names:
                row = row_of(r, who)
                cells.append("–" if row is None else f"**{micro(row['min_us'])}**" if row is best else micro(row["min_us"]))
            rows.append([case_name(r), *cells])
        out.append(table(["case", *names], rows))
        versions = {p["name"]: p["version"] or f"not available: {p['why_not']}" for p in data["peers"]}
        out.append("Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".\n")
    if data["single"]:
        out.append("## Single kernels and calls\n")
        out.append(table(["", "ns", "median", ""], [[s["name"], f"{s['min_ns']:,.1f}", f"{s['median_ns']:,.1f}",
                                                      ", ".join(f"{k} {v:.4g}" for k, v in s.get("counters", {}).items())]
                                                     for s in sorted(data["single"], key=lambda s: s["name"])]))
    return "\n".join(out)


def machine_name(data):
    """"Intel(R) Xeon(R) Processor" with 2 processors is intel-xeon-2."""
    words = re.sub(r"\([^)]*\)|processor|cpu|@.*", "", data["cpu"].lower())
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-") + f"-{data['processors']}"


def commit():
    """That of the source tree now: draw what was measured before it changes."""
    done = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True,
                          check=False)
    return f", commit {done.stdout.strip()}" if done.returncode == 0 else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--to", type=pathlib.Path, default=HERE / "results")
    parser.add_argument("--name", help="of the machine, in file names")
    args = parser.parse_args()
    pictures, suite, name = [], None, args.name
    for path in args.files:
        data = json.loads(pathlib.Path(path).read_text())
        crossing = "points" in data
        suite = suite if crossing else data
        what = "crossover" if crossing else "bars"
        name = name or machine_name(data)
        file = what + ".svg" if args.to != HERE / "results" else f"{name}-{what}.svg"
        pictures.append((what, file))
        args.to.mkdir(parents=True, exist_ok=True)
        (args.to / file).write_text(crossover_picture(data) if crossing else bars_picture(data))
        print(args.to / file, file=sys.stderr)
    if suite:
        (args.to / f"{name}.md").write_text(page(suite, pictures))
        print(args.to / f"{name}.md", file=sys.stderr)


if __name__ == "__main__":
    main()
