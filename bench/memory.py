#!/usr/bin/env python3
"""The peak memory that `parallm plan` predicts beside what a run takes that fills the KV cache.

usage: memory.py PARALLM MODEL [--prompt-tokens 500] [--tokens 24] [options of the run ...]

Random prompts of --prompt-tokens tokens (or as many as a sequence may have, if that is fewer), enough of them to take all blocks
of the cache. All other options go to both commands. Prints MB predicted and measured, and how far the one is from
the other.
"""
import argparse
import json
import os
import random
import subprocess
import tempfile


def summary_of(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def prompts(n, length, tokens):
    noise = random.Random(1)
    return "".join(json.dumps({"id": i, "prompt_token_ids": [3 + noise.randrange(1000) for _ in range(length)], "max_tokens": tokens,
                               "ignore_eos": True}) + "\n" for i in range(n))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("parallm")
    a.add_argument("model")
    a.add_argument("--prompt-tokens", type=int, default=500)
    a.add_argument("--tokens", type=int, default=24)
    a, options = a.parse_known_args()
    plan = summary_of([a.parallm, "plan", a.model, "--json", *options])
    block, blocks = plan["kv_block_tokens"], plan["kv_blocks"]
    length = min(a.prompt_tokens, plan["max_model_len"] - a.tokens, blocks * block - a.tokens)
    n = -(-blocks // -(-(length + a.tokens) // block))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in.jsonl")
        with open(path, "w", encoding="utf-8") as f:
            f.write(prompts(n, length, a.tokens))
        s = summary_of([a.parallm, "generate", a.model, "-i", path, "-o", os.path.join(folder, "out"), "--quiet", "--json", *options])
    if s["errors"]:
        raise SystemExit("memory.py: %s" % s)
    predicted, measured = plan["peak_bytes"] / 1e6, s["peak_rss_bytes"] / 1e6
    print("%d prompts of %d tokens, at most %d at once: predicted %.0f MB, measured %.0f MB, %+.1f %%"
          % (n, length, s["max_running"], predicted, measured, (predicted / measured - 1) * 100))


main()
