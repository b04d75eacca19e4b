#!/usr/bin/env python3
"""SmolLM2-135M-Instruct (Q4_1) against transformers in float32 on the same dequantized weights.

usage: agreement.py PARALLM MODEL.gguf REFERENCE    REFERENCE: the folder with chat.json, perplexity.json and .safetensors

Greedy continuations agree up to the first place where the reference's top two are nearly tied; log-probabilities differ by at
most 0.02 on average; the perplexity of a text of 5,000 tokens moves by at most 0.5 %. Exits 77 where model or reference is absent.
"""
import json
import math
import os
import struct
import subprocess
import sys

MOST_LOGPROB_DIFFERENCE = 0.02
MOST_PERPLEXITY_CHANGE = 0.005


def run(command, lines):
    result = subprocess.run(command, input="".join(json.dumps(x) + "\n" for x in lines), capture_output=True, encoding="utf-8")
    if result.returncode:
        sys.exit(f"{' '.join(command)}: exit {result.returncode}: {result.stderr}")
    return [json.loads(line) for line in result.stdout.split("\n") if line]


def greedy(parallm, model, reference):
    """(continuations that part from the reference where it was sure, mean difference of log-probabilities)."""
    chat = json.load(open(os.path.join(reference, "chat.json"), encoding="utf-8"))
    lines = [dict(id=i, prompt_token_ids=p["ids"], max_tokens=chat["n_new"], temperature=0, ignore_eos=True, logprobs=0)
             for i, p in enumerate(chat["prompts"])]
    answers = run([parallm, "generate", model, "-i", "-", "--ordered", "--quiet"], lines)
    wrong, differences = 0, []
    for prompt, answer in zip(chat["prompts"], answers):
        want, got = prompt["greedy"], answer["token_ids"]
        same = next((i for i in range(len(want)) if got[i] != want[i]), len(want))
        if same < len(want) and same not in prompt["near_ties"]:
            wrong += 1
            print(f"prompt {answer['id']}: token {same} is {got[same]}, wanted {want[same]} (gap {prompt['gaps'][same]:.2f})")
        differences += [abs(e["logprob"] - w) for e, w in zip(answer["logprobs"][:same], prompt["greedy_logprobs"])]
    return wrong, sum(differences) / len(differences)


def perplexity(parallm, model, reference):
    """(ours, the reference's)."""
    meta = json.load(open(os.path.join(reference, "perplexity.json"), encoding="utf-8"))
    with open(os.path.join(reference, "perplexity.safetensors"), "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        begin = f.tell()
        f.seek(begin + header["ids"]["data_offsets"][0])
        ids = list(struct.unpack(f"<{meta['n_tokens']}i", f.read(4 * meta["n_tokens"])))
    answer = run([parallm, "score", model, "-i", "-", "-o", "-", "--quiet"], [dict(id=0, prompt_token_ids=ids)])[0]
    return math.exp(-answer["sum_logprob"] / meta["n_scored"]), meta["perplexity"]


def main():
    parallm, model, reference = sys.argv[1:4]
    if not (os.path.exists(model) and os.path.exists(os.path.join(reference, "chat.json"))):
        print("no model or no reference here")
        sys.exit(77)
    wrong, difference = greedy(parallm, model, reference)
    ours, theirs = perplexity(parallm, model, reference)
    change = abs(ours / theirs - 1)
    print(f"{wrong} continuations part too early; mean difference of log-probabilities {difference:.4f}; "
          f"perplexity {ours:.4f}, reference {theirs:.4f} ({100 * change:.2f} %)")
    sys.exit(wrong > 0 or difference > MOST_LOGPROB_DIFFERENCE or change > MOST_PERPLEXITY_CHANGE)


main()
