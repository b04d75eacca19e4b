#!/usr/bin/env python3
"""Tokenizers beside the package `tokenizers`, on one thread: loading, 10 MB of mixed text, 1 MB of one letter.

usage: text.py PROGRAM TOKENIZER.json[.gz] [--rounds 5] [--megabytes 10]

PROGRAM is build/text_bench. Both take turns, each round in a fresh process; medians are printed, and the lowest and highest.
The text is made of the sources and documentation of the Python that runs this, of words in many scripts, and of numbers.
"""
import argparse
import glob
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "text"))
import random_text

THEIRS = """
import sys, time, json
import tokenizers
start = time.perf_counter()
t = tokenizers.Tokenizer.from_file(sys.argv[1])
print("load", time.perf_counter() - start)
for path in sys.argv[2:]:
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    start = time.perf_counter()
    n = len(t.encode(text, add_special_tokens=False))
    print("whole", time.perf_counter() - start, n)
    lines = text.split("\\n")
    lines = [line + "\\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    start = time.perf_counter()
    n = sum(len(t.encode(line, add_special_tokens=False)) for line in lines)
    print("lines", time.perf_counter() - start, n)
"""


def mixed(megabytes):
    """Two thirds prose and code, one third many scripts, symbols and numbers."""
    rng = random.Random(1)
    files = sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "**", "*.py"), recursive=True))
    files = [f for f in files if "site-packages" not in f]
    rng.shuffle(files)
    parts, n = [], 0
    for path in files * 3:
        with open(path, encoding="utf-8", errors="replace", newline="") as f:
            part = f.read(60000).replace("\r", "")
        part += "\n" + "".join(random_text.piece(rng) for _ in range(len(part) // 12)).replace("\r", "") + "\n"
        parts.append(part)
        n += len(part.encode())
        if n >= megabytes << 20:
            break
    return "".join(parts).encode()[:megabytes << 20].decode(errors="ignore")


def run(command):
    env = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}
    out = {}
    for line in subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env=env).stdout.splitlines():
        name, *numbers = line.split()
        out[name] = [float(x) for x in numbers]
    return out


def compare(program, folder, file, rounds, names, text=None):
    """Prints a line for each figure: medians, extremes, and theirs over ours."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run([program, folder, *(["encode", text] if text else ["load"])]))
        theirs.append(run([sys.executable, "-c", THEIRS, file, *([text] if text else [])]))
    for name in names:
        a, b = ([x[name][0] for x in side] for side in (ours, theirs))
        same = "" if name == "load" else ", %d tokens" % ours[0][name][1]
        if name != "load" and ours[0][name][1] != theirs[0][name][1]:
            same += " AGAINST %d" % theirs[0][name][1]
        print("%-6s ours %.3f s (%.3f-%.3f)  tokenizers %.3f s (%.3f-%.3f)  ratio %.2f%s"
              % (name, statistics.median(a), min(a), max(a), statistics.median(b), min(b), max(b),
                 statistics.median(b) / statistics.median(a), same), flush=True)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("program")
    a.add_argument("tokenizer")
    a.add_argument("--rounds", type=int, default=5)
    a.add_argument("--megabytes", type=int, default=10)
    a = a.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, text, letter = (os.path.join(folder, n) for n in ("tokenizer.json", "mixed.txt", "letter.txt"))
        with (gzip.open(a.tokenizer) if a.tokenizer.endswith(".gz") else open(a.tokenizer, "rb")) as f, open(file, "wb") as out:
            out.write(f.read())
        with open(text, "w", encoding="utf-8", newline="") as f:
            f.write(mixed(a.megabytes))
        with open(letter, "w") as f:
            f.write("a" * 1000000)
        print("%s, %.1f MB, mixed text of %.1f MB" % (a.tokenizer, os.path.getsize(file) / 1e6, os.path.getsize(text) / 1e6))
        compare(a.program, folder, file, a.rounds, ("load",))
        compare(a.program, folder, file, a.rounds, ("whole", "lines"), text)
        times = [run([a.program, folder, "encode", letter])["whole"][0] for _ in range(a.rounds)]
        print("1 MB of one letter: %.3f s (%.3f-%.3f)" % (statistics.median(times), min(times), max(times)))


main()
