#!/usr/bin/env python3
"""Experts as mlx-lm writes them, all of a layer in one tensor [experts, rows, columns]: the same bits as one tensor for
each expert, plain and quantized.

usage: stacked.py PARALLM GOLDEN    (the command, and the program that compares a checkpoint with its ground truth)
"""
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile

from checkpoint import HERE, read, write

PARTS = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}  # Mixtral's names of an expert's matrices


def stack(tensors):
    """As mlx-lm does it: ...experts.N.KIND.PART becomes ...switch_mlp.KIND.PART."""
    out, experts = {}, {}
    for name, t in tensors.items():
        found = re.fullmatch(r"(.*)\.experts\.(\d+)\.(\w+)\.(\w+)", name)
        if found:
            kind = PARTS.get(found[3], found[3])
            experts.setdefault(f"{found[1]}.switch_mlp.{kind}.{found[4]}", {})[int(found[2])] = t
        else:
            out[name] = t
    for name, each in experts.items():
        first = each[0]
        out[name] = (first[0], [len(each), *first[1]], b"".join(each[e][2] for e in range(len(each))))
    return out


def quantize(tensors):
    """The experts' matrices in 4 bits, groups of 32, where their width allows: integers, scales and biases."""
    out = {}
    for name, (dtype, shape, data) in tensors.items():
        if ".experts." not in name or shape[1] % 32:
            out[name] = (dtype, shape, data)
            continue
        values = struct.unpack(f"<{len(data) // 4}f", data)
        words, scales, biases = [], [], []
        for at in range(0, len(values), 32):
            group = values[at:at + 32]
            low, scale = min(group), (max(group) - min(group)) / 15
            codes = [min(15, max(0, round((v - low) / scale))) for v in group]
            words += [sum(c << 4 * i for i, c in enumerate(codes[j:j + 8])) for j in range(0, 32, 8)]
            scales.append(scale)
            biases.append(low)
        module = name.removesuffix(".weight")
        out[name] = ("U32", [shape[0], shape[1] // 8], struct.pack(f"<{len(words)}I", *words))
        out[module + ".scales"] = ("F32", [shape[0], shape[1] // 32], struct.pack(f"<{len(scales)}f", *scales))
        out[module + ".biases"] = ("F32", [shape[0], shape[1] // 32], struct.pack(f"<{len(biases)}f", *biases))
    return out


def random_mixtral():
    draw = random.Random(7)
    config = {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": 64, "intermediate_size": 96,
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4,
              "num_experts_per_tok": 2, "vocab_size": 640, "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "hidden_act": "silu",
              "rope_theta": 1e6, "tie_word_embeddings": False, "torch_dtype": "float32"}
    shapes = {"model.embed_tokens.weight": [640, 64], "lm_head.weight": [640, 64], "model.norm.weight": [64]}
    for layer in range(2):
        at = f"model.layers.{layer}."
        shapes |= {at + "input_layernorm.weight": [64], at + "post_attention_layernorm.weight": [64],
                   at + "block_sparse_moe.gate.weight": [4, 64]}
        shapes |= {f"{at}self_attn.{m}_proj.weight": [32 if m in "kv" else 64, 64] for m in "qkvo"}
        for e in range(4):
            shapes |= {f"{at}block_sparse_moe.experts.{e}.{w}.weight": [64, 96] if w == "w2" else [96, 64] for w in PARTS}
    tensors = {}
    for name, shape in shapes.items():
        n = shape[0] * (shape[1] if len(shape) == 2 else 1)
        values = [draw.gauss(0, 0.3) + (len(shape) == 1) for _ in range(n)]
        tensors[name] = ("F32", shape, struct.pack(f"<{n}f", *values))
    return config, tensors


def answers(parallm, folder):
    draw = random.Random(1)
    lines = "".join(json.dumps({"prompt_token_ids": [draw.randrange(600) for _ in range(n)]}) + "\n" for n in (1, 7, 40))
    done = subprocess.run([parallm, "score", folder, "-i", "-", "--ordered", "--quiet"], input=lines, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{folder}: {done.stderr}")
    return done.stdout


def main():
    parallm, golden = sys.argv[1:]
    qwen = HERE / "qwen3-moe"
    models = {"qwen3-moe": (json.loads((qwen / "config.json").read_text()), read(qwen / "model.safetensors")),
              "mixtral": random_mixtral()}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (config, tensors) in models.items():
            for kind, change, more in (("plain", dict, {}), ("quantized", quantize, {"quantization": {"group_size": 32, "bits": 4}})):
                one, all_in_one = (pathlib.Path(scratch) / f"{name}-{kind}-{form}" for form in ("each", "stacked"))
                write(one, config | more, change(tensors))
                write(all_in_one, config | more, stack(change(tensors)))
                if answers(parallm, one) != answers(parallm, all_in_one):
                    sys.exit(f"{name}, {kind}: stacked experts answer otherwise")
        stacked = pathlib.Path(scratch) / "qwen3-moe-plain-stacked"
        sys.exit(subprocess.run([golden, stacked, qwen / "reference"], check=False).returncode)


if __name__ == "__main__":
    main()
