#!/usr/bin/env python3
"""The picture and the table of the README: measures, keeps the figures as CSV, draws them.

usage: readme.py measure PARALLM NAME=MODEL.gguf... [--peer NAME=PATH[,FLAG...]]... [--repeat 3] [--parallel 1,2,4,...,128]
       readme.py draw

measure: every model beside every peer, turn by turn (side_by_side.py), into docs/throughput/NAME.csv; then draws.
draw: docs/throughput/*.csv -> docs/throughput/throughput.svg and the table between the marks in README.md. The first
line of a CSV file tells the model and the machine.
"""
import argparse
import csv
import glob
import os
import re
import statistics
import sys

import side_by_side

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FOLDER = os.path.join(ROOT, "docs", "throughput")
COLOURS = {"ParaLLM": "ours", "llama.cpp": "a", "ik_llama.cpp": "b", "vLLM": "c", "OpenVINO": "d"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 380, 250, 56, 56, 70  # of one panel, and around it


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        text = f.read()
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.M)
    words = flags.group(1).split() if flags else []
    wanted = [("avx512_bf16", "AVX-512 with VNNI and BF16"), ("avx512_vnni", "AVX-512 with VNNI"), ("avx_vnni", "AVX2 with VNNI"),
              ("avx2", "AVX2"), ("i8mm", "i8mm"), ("asimddp", "dotprod")]
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    best = next((text for flag, text in wanted if flag in words), "")
    return "%s, %s" % (name.group(1).strip() if name else os.uname().machine, best)


def measure(a):
    os.makedirs(FOLDER, exist_ok=True)
    for model in a.models:
        name, _, a.model = model.partition("=")
        print(name, file=sys.stderr)
        path = os.path.join(FOLDER, re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".csv")
        what = "# %s; %s, %d threads; %d prompt + %d generated tokens" % (name, machine(), a.threads, a.prompt_tokens, a.gen_tokens)
        side_by_side.measure(a, lambda runs: side_by_side.write_csv(runs, path, "%s, turns: %d\n" % (what, len(runs["ParaLLM"]))))


def read(path):
    """(heading, {program: {sequences: median decode tokens per second}})"""
    with open(path, encoding="utf-8") as f:
        heading = f.readline().lstrip("# ").strip()
        values = {}
        for row in csv.DictReader(f):
            speeds = values.setdefault(row["program"], {}).setdefault(int(row["sequences"]), [])
            speeds.append(float(row["decode_tokens_per_second"]))
    return heading, {name: {n: statistics.median(v) for n, v in by_count.items()} for name, by_count in values.items()}


def nice_step(most):
    """A round step that cuts `most` into three to six."""
    step = 10 ** len(str(int(most / 6)))
    return next(s for s in (step / 10, step / 5, step / 4, step / 2, step) if most / s <= 6)


def panel(x0, heading, programs):
    counts = sorted({n for by_count in programs.values() for n in by_count})
    most = max(v for by_count in programs.values() for v in by_count.values())
    step = nice_step(most)
    top = step * -(-most // step)
    at_x = {n: x0 + WIDTH * i / max(1, len(counts) - 1) for i, n in enumerate(counts)}
    at_y = lambda v: TOP + HEIGHT * (1 - v / top)
    out = ['<text class="title" x="%d" y="%d">%s</text>' % (x0, TOP - 22, heading.split(";")[0])]
    for i in range(int(top / step) + 1):
        y = at_y(i * step)
        out.append('<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>' % (x0, y, x0 + WIDTH, y))
        out.append('<text class="axis" x="%d" y="%.1f" text-anchor="end">%g</text>' % (x0 - 8, y + 4, i * step))
    for n in counts:
        out.append('<text class="axis" x="%.1f" y="%d" text-anchor="middle">%d</text>' % (at_x[n], TOP + HEIGHT + 18, n))
    out.append('<text class="axis" x="%d" y="%d" text-anchor="middle">sequences decoding together</text>' % (x0 + WIDTH / 2, TOP + HEIGHT + 38))
    labels = spread([(at_y(by_count[max(by_count)]), name) for name, by_count in programs.items()])
    for name, by_count in programs.items():
        kind = COLOURS.get(name, "e")
        points = " ".join("%.1f,%.1f" % (at_x[n], at_y(v)) for n, v in sorted(by_count.items()))
        out.append('<polyline class="line %s" points="%s"/>' % (kind, points))
        out += ['<circle class="dot %s" cx="%.1f" cy="%.1f" r="3"/>' % (kind, at_x[n], at_y(v)) for n, v in by_count.items()]
        out.append('<text class="label %s" x="%.1f" y="%.1f">%s</text>' % (kind, at_x[max(by_count)] + 8, labels[name] + 4, name))
    return out


def spread(labels):
    """{name: y}: moved apart where they would lie on each other."""
    placed, last = {}, -100
    for y, name in sorted(labels):
        last = max(y, last + 15)
        placed[name] = last
    return placed


STYLE = """text { font: 12px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600; font-size: 14px } .axis { fill: #57606a }
.grid { stroke: #d0d7de; stroke-width: 1 } .line { fill: none; stroke-width: 2 } .line.ours { stroke-width: 3.5 } .label.ours { font-weight: 600 }
.line.ours { stroke: #0969da } .dot.ours, .label.ours { fill: #0969da } .line.a { stroke: #bc4c00 } .dot.a, .label.a { fill: #bc4c00 }
.line.b { stroke: #8250df } .dot.b, .label.b { fill: #8250df } .line.c { stroke: #1a7f37 } .dot.c, .label.c { fill: #1a7f37 }
.line.d { stroke: #bf3989 } .dot.d, .label.d { fill: #bf3989 } .line.e { stroke: #6e7781 } .dot.e, .label.e { fill: #6e7781 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .axis { fill: #9198a1 } .grid { stroke: #3d444d }
.line.ours { stroke: #4493f8 } .dot.ours, .label.ours { fill: #4493f8 } .line.a { stroke: #f0883e } .dot.a, .label.a { fill: #f0883e }
.line.b { stroke: #ab7df8 } .dot.b, .label.b { fill: #ab7df8 } .line.c { stroke: #3fb950 } .dot.c, .label.c { fill: #3fb950 }
.line.d { stroke: #db61a2 } .dot.d, .label.d { fill: #db61a2 } }"""


def picture(panels):
    step = WIDTH + LEFT + GAP + 20
    size = (LEFT + step * len(panels), TOP + HEIGHT + 56)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="Decode tokens per second against the number of sequences">' % size,
           "<style>%s</style>" % STYLE, '<text class="axis" x="%d" y="16">tokens per second, all sequences together</text>' % LEFT]
    for i, (heading, programs) in enumerate(panels):
        out += panel(LEFT + step * i, heading, programs)
    return "\n".join(out + ["</svg>"]) + "\n"


def table(panels):
    out = []
    for heading, programs in panels:
        counts = sorted({n for by_count in programs.values() for n in by_count})
        out += ["", heading + ":", "", "| decode tokens/s | " + " | ".join(map(str, counts)) + " |", "|---|" + "---|" * len(counts)]
        out += ["| %s | " % name + " | ".join("%.0f" % by_count[n] if n in by_count else "" for n in counts) + " |"
                for name, by_count in programs.items()]
    return "\n".join(out).strip()


def draw():
    paths = sorted(glob.glob(os.path.join(FOLDER, "*.csv")), reverse=True)
    if not paths:
        sys.exit("readme.py: no CSV file in %s: measure first" % FOLDER)
    panels = [read(path) for path in paths]
    with open(os.path.join(FOLDER, "throughput.svg"), "w", encoding="utf-8") as f:
        f.write(picture(panels))
    readme = os.path.join(ROOT, "README.md")
    with open(readme, encoding="utf-8") as f:
        text = f.read()
    marked = re.compile(r"(<!-- figures: .*? -->\n).*?(\n<!-- figures end -->)", re.S)
    if not marked.search(text):
        sys.exit("readme.py: README.md has no place marked <!-- figures: ... --> and <!-- figures end -->")
    with open(readme, "w", encoding="utf-8") as f:
        f.write(marked.sub(lambda m: m[1] + "\n" + table(panels) + "\n" + m[2], text))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = p.add_subparsers(dest="what", required=True)
    words.add_parser("draw")
    m = words.add_parser("measure")
    m.add_argument("parallm")
    m.add_argument("models", nargs="+", metavar="NAME=MODEL.gguf")
    m.add_argument("--peer", action="append", default=[])
    m.add_argument("--parallel", default="1,2,4,8,16,32,64,128")
    m.add_argument("--prompt-tokens", type=int, default=64)
    m.add_argument("--gen-tokens", type=int, default=64)
    m.add_argument("--repeat", type=int, default=3)
    m.add_argument("--threads", type=int, default=os.cpu_count())
    a = p.parse_args()
    if a.what == "measure":
        measure(a)
    draw()


main()
