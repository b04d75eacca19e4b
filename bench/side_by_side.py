#!/usr/bin/env python3
"""parallm bench beside builds of llama-batched-bench, turn by turn in one run, medians.

usage: side_by_side.py PARALLM MODEL.gguf --parallel 1,8,32 [--peer NAME=PATH[,FLAG,FLAG...]]... [--prompt-tokens 64]
           [--gen-tokens 32] [--repeat 5] [--threads 2] [--csv FILE]

Each turn starts every program once, for all numbers of sequences; the table has the medians over the turns of decode / prefill
tokens per second, and the ratio of ours to the fastest peer. Keep the machine quiet meanwhile.
example: side_by_side.py build/parallm M.gguf --parallel 1,32,128 --peer llama.cpp=bin/llama-batched-bench,-fa,on
"""
import argparse
import csv
import json
import statistics
import subprocess
import sys


def parse_arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parallm")
    p.add_argument("model")
    p.add_argument("--parallel", default="1,8,32")
    p.add_argument("--peer", action="append", default=[], metavar="NAME=PATH[,FLAG...]")
    p.add_argument("--prompt-tokens", type=int, default=64)
    p.add_argument("--gen-tokens", type=int, default=32)
    p.add_argument("--repeat", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--csv")
    return p.parse_args()


def output_of(command):
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def run_ours(a):
    out = output_of([a.parallm, "bench", a.model, "--parallel", a.parallel, "--prompt-tokens", str(a.prompt_tokens), "--gen-tokens",
                     str(a.gen_tokens), "--repeat", "1", "--threads", str(a.threads), "--json", "--quiet"])
    return {r["parallel"]: (r["decode_tokens_per_second"], r["prefill_tokens_per_second"]) for r in json.loads(out)["results"]}


def run_peer(a, path, flags):
    most = max(int(n) for n in a.parallel.split(","))
    out = output_of([path, "-m", a.model, "-t", str(a.threads), "-tb", str(a.threads), "-c", str(most * (a.prompt_tokens + a.gen_tokens) + 256),
                     "-b", "2048", "-ub", "512", "-npp", str(a.prompt_tokens), "-ntg", str(a.gen_tokens), "-npl", a.parallel,
                     "--output-format", "jsonl", *flags])
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return {r["pl"]: (r["speed_tg"], r["speed_pp"]) for r in lines}


def main():
    a = parse_arguments()
    peers = []
    for peer in a.peer:
        name, _, command = peer.partition("=")
        peers.append((name, *command.split(",")))
    counts = [int(n) for n in a.parallel.split(",")]
    names = ["ParaLLM"] + [p[0] for p in peers]
    runs = {name: [] for name in names}
    for turn in range(a.repeat):
        print(f"turn {turn + 1} of {a.repeat}", file=sys.stderr)
        runs["ParaLLM"].append(run_ours(a))
        for name, path, *flags in peers:
            runs[name].append(run_peer(a, path, flags))
    median = {(name, n, i): statistics.median(run[n][i] for run in runs[name]) for name in names for n in counts for i in (0, 1)}
    print("| | " + " | ".join(str(n) for n in counts) + " |\n|---|" + "---|" * len(counts))
    for name in names:
        print(f"| {name} | " + " | ".join(f"{median[name, n, 0]:.1f} / {median[name, n, 1]:.0f}" for n in counts) + " |")
    if peers:
        ratio = lambda n, i: median["ParaLLM", n, i] / max(median[name, n, i] for name in names[1:])
        print("| times the fastest peer | " + " | ".join(f"{ratio(n, 0):.2f} / {ratio(n, 1):.2f}" for n in counts) + " |")
    if a.csv:
        with open(a.csv, "w", newline="", encoding="utf-8") as f:
            w = csv.writer(f)
            w.writerow(["program", "sequences", "turn", "decode_tokens_per_second", "prefill_tokens_per_second"])
            w.writerows([name, n, t, *run[n]] for name in names for t, run in enumerate(runs[name]) for n in counts)


main()
