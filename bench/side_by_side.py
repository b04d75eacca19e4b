#!/usr/bin/env python3
"""parallm bench beside builds of llama-batched-bench (or what takes its options: peers.py), turn by turn in one run, medians.

usage: side_by_side.py PARALLM MODEL.gguf --parallel 1,8,32 [--peer NAME=PATH[,FLAG,FLAG...]]... [--prompt-tokens 64]
           [--gen-tokens 32] [--repeat 5] [--threads 2] [--csv FILE]

Each turn starts every program once, for all numbers of sequences; the table has the medians over the turns of decode / prefill
tokens per second, and the ratio of ours to the fastest peer. Keep the machine quiet meanwhile. {folder} in a flag is MODEL without .gguf,
for peers that read another form of the same model.
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


def output_of(command, with_errors=False):
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout + done.stderr if with_errors else done.stdout


def run_ours(a):
    out = output_of([a.parallm, "bench", a.model, "--parallel", a.parallel, "--prompt-tokens", str(a.prompt_tokens), "--gen-tokens",
                     str(a.gen_tokens), "--repeat", "1", "--threads", str(a.threads), "--json", "--quiet"])
    return {r["parallel"]: (r["decode_tokens_per_second"], r["prefill_tokens_per_second"]) for r in json.loads(out)["results"]}


def run_peer(a, path, flags):
    most = max(int(n) for n in a.parallel.split(","))
    flags = [flag.replace("{folder}", a.model.removesuffix(".gguf")) for flag in flags]
    out = output_of([path, *flags, "-m", a.model, "-t", str(a.threads), "-tb", str(a.threads), "-c", str(most * (a.prompt_tokens + a.gen_tokens) + 256),
                     "-b", "2048", "-ub", "512", "-npp", str(a.prompt_tokens), "-ntg", str(a.gen_tokens), "-npl", a.parallel,
                     "--output-format", "jsonl"], with_errors=True)
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    results = {r["pl"]: (r["speed_tg"], r["speed_pp"]) for r in lines}
    for line in out.splitlines():  # ik_llama.cpp prints its table whatever the format: PP TG B N_KV T_PP S_PP T_TG S_TG T S
        cells = line.strip("| ").split("|")
        if len(cells) == 10 and cells[0].strip().isdigit():
            results[int(cells[2])] = (float(cells[7]), float(cells[5]))
    if set(results) != {int(n) for n in a.parallel.split(",")}:
        sys.exit(f"{path}: wanted figures for {a.parallel} sequences, got them for {sorted(results)}: {out[-500:]}")
    return results


def measure(a, keep=None):
    """{program: [a turn's {sequences: (decode, prefill)}, ...]}, ours first. keep(runs) after each turn, so that none is lost."""
    runs = {"ParaLLM": []}
    for turn in range(a.repeat):
        print(f"turn {turn + 1} of {a.repeat}", file=sys.stderr)
        runs["ParaLLM"].append(run_ours(a))
        for peer in a.peer:
            name, _, command = peer.partition("=")
            runs.setdefault(name, []).append(run_peer(a, *split_command(command)))
        if keep:
            keep(runs)
    return runs


def split_command(command):
    path, *flags = command.split(",")
    return path, flags


def medians(runs):
    """{program: {sequences: (decode, prefill)}}"""
    return {name: {n: tuple(statistics.median(turn[n][i] for turn in turns) for i in (0, 1)) for n in turns[0]}
            for name, turns in runs.items()}


def print_table(middle, counts):
    print("| | " + " | ".join(str(n) for n in counts) + " |\n|---|" + "---|" * len(counts))
    for name, by_count in middle.items():
        print(f"| {name} | " + " | ".join("%.1f / %.0f" % by_count[n] for n in counts) + " |")
    peers = [by_count for name, by_count in middle.items() if name != "ParaLLM"]
    if peers:
        ratio = lambda n, i: middle["ParaLLM"][n][i] / max(by_count[n][i] for by_count in peers)
        print("| times the fastest peer | " + " | ".join(f"{ratio(n, 0):.2f} / {ratio(n, 1):.2f}" for n in counts) + " |")


def write_csv(runs, path, heading=""):
    with open(path, "w", newline="", encoding="utf-8") as f:
        f.write(heading)
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["program", "sequences", "turn", "decode_tokens_per_second", "prefill_tokens_per_second"])
        w.writerows([name, n, t, *("%.1f" % v for v in turn[n])] for name, turns in runs.items() for t, turn in enumerate(turns) for n in turn)


def main():
    a = parse_arguments()
    runs = measure(a, lambda runs: a.csv and write_csv(runs, a.csv))
    print_table(medians(runs), [int(n) for n in a.parallel.split(",")])


if __name__ == "__main__":
    main()
