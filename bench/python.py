#!/usr/bin/env python3
"""What the Python package costs: the same work by the command and from Python, in turns.

usage: python bench/python.py parallel|requests MODEL [--command build/parallm] [--times 3]

parallel: as `parallm bench`, 64 sequences of 64 + 64 tokens, each side the median of three runs in one process.
requests: 10,000 short prompts as text, by `parallm generate` and by LLM.generate, without loading.

Two runs of the same program differ by several per cent on a machine that is not quiet. "outside steps" does not: the
part of the time that Python spends outside the library's steps, and so all that it can cost."""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

N_SEQS, N_PROMPT, N_GENERATE = 64, 64, 64
N_REQUESTS, N_ANSWER = 10_000, 2


def memory():
    return {"peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}


def timed(llm, prompts, params):
    """How long generate takes, and which part of it is outside the library's steps."""
    before, begun = llm.stats.step_seconds, time.perf_counter()
    llm.generate(prompts, params, use_tqdm=False)
    seconds = time.perf_counter() - begun
    return seconds, 1 - (llm.stats.step_seconds - before) / seconds


def command_parallel(command, model):
    words = [command, "bench", model, "--parallel", N_SEQS, "--prompt-tokens", N_PROMPT, "--gen-tokens", N_GENERATE]
    done = subprocess.run([*map(str, words), "--repeat", "3", "--json"], check=True, capture_output=True)
    row = json.loads(done.stdout)["results"][0]
    return {"per_second": row["total_tokens_per_second"], "peak_mib": round(row["peak_rss_bytes"] / 2**20, 1)}


def python_parallel(model):
    from parallm import LLM, SamplingParams

    params = SamplingParams(temperature=0, max_tokens=N_GENERATE, ignore_eos=True)
    options = dict(max_num_seqs=N_SEQS, max_model_len=N_PROMPT + N_GENERATE, enable_prefix_caching=False)
    rates, outside = [], []
    with LLM(model, **options) as llm:
        size = llm.model.info.vocab_size
        for _ in range(3):
            prompts = [[random.randrange(size) for _ in range(N_PROMPT)] for _ in range(N_SEQS)]
            seconds, share = timed(llm, prompts, params)
            rates.append(N_SEQS * (N_PROMPT + N_GENERATE) / seconds)
            outside.append(share)
    return {"per_second": statistics.median(rates), "outside_steps": statistics.median(outside), **memory()}


def texts():
    return [f"Item {i}:" for i in range(N_REQUESTS)]


def command_requests(command, model):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as lines:
        for text in texts():
            print(json.dumps({"prompt": text}), file=lines)
        lines.flush()
        words = [command, "generate", model, "-i", lines.name, "-o", "/dev/null", "--max-tokens", N_ANSWER, "--json"]
        done = subprocess.run([*map(str, words), "--ignore-eos", "--quiet"], check=True, capture_output=True)
    summary = json.loads(done.stdout)
    rate = N_REQUESTS / summary["wall_seconds"]
    return {"per_second": rate, "peak_mib": round(summary["peak_rss_bytes"] / 2**20, 1)}


def python_requests(model):
    from parallm import LLM, SamplingParams

    params = SamplingParams(temperature=0, max_tokens=N_ANSWER, ignore_eos=True)
    with LLM(model) as llm:
        seconds, share = timed(llm, texts(), params)
    return {"per_second": N_REQUESTS / seconds, "outside_steps": share, **memory()}


def python_apart(kind, model):
    """The Python side in a process of its own, as the command has one."""
    done = subprocess.run([sys.executable, __file__, kind, model, "--python-only"], check=True, capture_output=True)
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["parallel", "requests"])
    parser.add_argument("model")
    parser.add_argument("--command", default="build/parallm")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--python-only", action="store_true")
    args = parser.parse_args()
    by_command, by_python = globals()["command_" + args.kind], globals()["python_" + args.kind]
    if args.python_only:
        print(json.dumps(by_python(args.model)))
        return
    rows = []
    for turn in range(args.times):  # who comes first changes
        if turn % 2:
            b, a = python_apart(args.kind, args.model), by_command(args.command, args.model)
        else:
            a, b = by_command(args.command, args.model), python_apart(args.kind, args.model)
        rows.append((a["per_second"], b["per_second"], b["per_second"] / a["per_second"]))
        print(json.dumps({"command": a, "python": b, "ratio": round(rows[-1][2], 4)}), flush=True)
    names = ("command", "python", "ratio")
    print(json.dumps({"medians": {n: round(statistics.median(column), 4) for n, column in zip(names, zip(*rows))}}))


main()
