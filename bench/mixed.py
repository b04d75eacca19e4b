#!/usr/bin/env python3
"""What sampling and adapters cost: decoding with them beside the same run without, in turns; medians.

usage: mixed.py sampling PARALLM MODEL [--repeat 3] [--tokens 32]
       mixed.py adapters PARALLM MODEL [--repeat 3] [--tokens 32] [--rank 16] [--sizes L,H,Q,KV,I]

sampling: 64 sequences with 64 sets of parameters (all penalties, top-p, top-k, min-p, typical-p, log-probabilities, stop
strings) against 64 greedy ones without any. adapters: 32 sequences over 8 random adapters of all linear layers
against the base alone. Prompts are short, so that nearly all rows decode. Adapters are made for the model's --sizes, in
a temporary folder.
"""
import argparse
import array
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile

TYPES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def prompt(i):
    return [2 + (i * 37 + j * 11) % 500 for j in range(8)]


def plain(n, tokens):
    return [{"id": i, "prompt_token_ids": prompt(i), "max_tokens": tokens, "ignore_eos": True} for i in range(n)]


def with_parameters(n, tokens):
    """No two sets are equal; each feature is met several times, most of them together with others."""
    lines = plain(n, tokens)
    for i, line in enumerate(lines):
        line.update(temperature=0.5 + i / 64, seed=i)
        if i % 2 == 0:
            line["top_p"] = 0.5 + i / 130
        if i % 4 == 1:
            line["top_k"] = 10 + i
        if i % 4 == 3:
            line["min_p"] = 0.01 + i / 1000
        if i % 16 == 9:
            line["typical_p"] = 0.9
        if i % 3 != 2:
            line["repetition_penalty"] = 1.05 + i / 1000
        if i % 3 != 1:
            line["frequency_penalty"] = 0.1 + i / 1000
        if i % 5 != 0:
            line["presence_penalty"] = 0.2 + i / 1000
        if i % 2 == 1:
            line["logprobs"] = 5
        if i % 8 == 4:
            line["logit_bias"] = {str(5 + i): -3.5}
        if i % 8 == 6:
            line["stop"] = ["never to be seen"]
    return lines


def run(parallm, model, lines, options):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in.jsonl")
        with open(path, "w") as f:
            f.writelines(json.dumps(line) + "\n" for line in lines)
        command = [parallm, "generate", model, "-i", path, "-o", os.path.join(folder, "out"), "--json", "--quiet",
                   "--max-num-seqs", str(len(lines)), "--max-model-len", "1024", *options]
        summary = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if summary["errors"] or summary["completion_tokens"] != sum(line["max_tokens"] for line in lines):
        sys.exit("mixed.py: not all tokens were generated: %s" % summary)
    return summary["generation_tokens_per_second"]


def write_adapter(folder, sizes, rank, number):
    """Random values, drawn once for all matrices: what is read and computed is what a trained one costs."""
    values = array.array("f", (random.Random(number).gauss(0, 0.01) for _ in range(1 << 16)))
    most = rank * max(max(s) for s in sizes.values())
    data = values.tobytes() * (most * 4 // len(values.tobytes()) + 1)
    header, at, pieces = {}, 0, []
    for layer in range(sizes["layers"][0]):
        for name in TYPES:
            inputs, outputs = sizes[name]
            part = "self_attn" if name in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
            for half, shape in (("A", [rank, inputs]), ("B", [outputs, rank])):
                n = shape[0] * shape[1] * 4
                header["base_model.model.model.layers.%d.%s.%s.lora_%s.weight" % (layer, part, name, half)] = {
                    "dtype": "F32", "shape": shape, "data_offsets": [at, at + n]}
                pieces.append(n)
                at += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(folder)
    with open(os.path.join(folder, "adapter_model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for n in pieces:
            f.write(data[:n])
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        json.dump({"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": TYPES}, f)


def compare(parallm, model, repeat, cases):
    """cases: {name: (lines, options)}; in turns. Prints the medians, and all as a fraction of the first."""
    speeds = {name: [] for name in cases}
    for _ in range(repeat):
        for name, (lines, options) in cases.items():
            speeds[name].append(run(parallm, model, lines, options))
    first = statistics.median(next(iter(speeds.values())))
    for name, values in speeds.items():
        middle = statistics.median(values)
        print("%-28s %8.2f tokens/s  %.3f   (%s)" % (name, middle, middle / first, ", ".join("%.2f" % v for v in values)))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("what", choices=["sampling", "adapters"])
    a.add_argument("parallm")
    a.add_argument("model")
    a.add_argument("--repeat", type=int, default=3)
    a.add_argument("--tokens", type=int, default=32)
    a.add_argument("--rank", type=int, default=16)
    a.add_argument("--sizes", help="layers,hidden,q,kv,intermediate of the model: 18,2048,2048,256,16384 is Gemma-2B's",
                   default="18,2048,2048,256,16384")
    a = a.parse_args()
    if a.what == "sampling":
        return compare(a.parallm, a.model, a.repeat, {"greedy": (plain(64, a.tokens), []),
                                                      "64 parameter sets": (with_parameters(64, a.tokens), [])})
    layers, hidden, q, kv, mlp = map(int, a.sizes.split(","))
    sizes = {"layers": (layers, layers), "q_proj": (hidden, q), "k_proj": (hidden, kv), "v_proj": (hidden, kv), "o_proj": (q, hidden),
             "gate_proj": (hidden, mlp), "up_proj": (hidden, mlp), "down_proj": (mlp, hidden)}
    with tempfile.TemporaryDirectory() as folder:
        options = []
        for i in range(8):
            write_adapter(os.path.join(folder, str(i)), sizes, a.rank, i)
            options += ["--lora", "a%d=%s" % (i, os.path.join(folder, str(i)))]
        adapted = [dict(line, lora="a%d" % (i % 8)) for i, line in enumerate(plain(32, a.tokens))]
        compare(a.parallm, a.model, a.repeat, {"base": (plain(32, a.tokens), options), "8 adapters of rank %d" % a.rank: (adapted, options)})


main()
