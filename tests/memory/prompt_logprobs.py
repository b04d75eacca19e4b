#!/usr/bin/env python3
"""Log-probabilities of an 8,000-token prompt over 256,000 words take at most 100 MB more than the same run without.

usage: prompt_logprobs.py PARALLM

A model of one narrow layer is written for it: all that is large is the vocabulary.
"""
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

VOCAB, HIDDEN, PROMPT, LIMIT = 256000, 32, 8000, 100e6

CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": VOCAB, "rms_norm_eps": 1e-5,
          "rope_theta": 10000.0, "hidden_act": "silu", "max_position_embeddings": 8192, "bos_token_id": 1, "eos_token_id": 2,
          "tie_word_embeddings": True, "torch_dtype": "bfloat16"}

LAYER = {"input_layernorm": [HIDDEN], "post_attention_layernorm": [HIDDEN], "self_attn.q_proj": [HIDDEN, HIDDEN],
         "self_attn.k_proj": [HIDDEN // 2, HIDDEN], "self_attn.v_proj": [HIDDEN // 2, HIDDEN], "self_attn.o_proj": [HIDDEN, HIDDEN],
         "mlp.gate_proj": [64, HIDDEN], "mlp.up_proj": [64, HIDDEN], "mlp.down_proj": [HIDDEN, 64]}


def write_model(folder):
    shapes = {"model.embed_tokens.weight": [VOCAB, HIDDEN], "model.norm.weight": [HIDDEN]}
    shapes.update({"model.layers.0.%s.weight" % name: shape for name, shape in LAYER.items()})
    noise = random.Random(1)
    values = b"".join(struct.pack("<f", noise.gauss(0, 1))[2:] for _ in range(64000))  # bfloat16: a float's upper half
    header, at, data = {}, 0, []
    for name, shape in shapes.items():
        n = 2 * (shape[0] * (shape[1] if len(shape) > 1 else 1))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + n]}
        data.append((values * (n // len(values) + 1))[:n])
        at += n
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(CONFIG, f)


def peak(parallm, folder, **fields):
    line = {"prompt_token_ids": [3 + i * 7919 % (VOCAB - 3) for i in range(PROMPT)], "max_tokens": 2, "ignore_eos": True, **fields}
    out = os.path.join(folder, "out.jsonl")
    command = [parallm, "generate", folder, "-i", "-", "-o", out, "--json", "--quiet", "--kv-cache-memory", "64MiB"]
    summary = json.loads(subprocess.run(command, input=json.dumps(line), text=True, check=True, stdout=subprocess.PIPE).stdout)
    answer = json.loads(open(out, encoding="utf-8").read())
    if len(answer["token_ids"]) != 2 or len(answer.get("prompt_logprobs", [])) != (PROMPT if fields else 0):
        sys.exit("the answer is not what was asked for: %.300s" % answer)
    return summary["peak_rss_bytes"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder)
        without = peak(sys.argv[1], folder)
        more = peak(sys.argv[1], folder, prompt_logprobs=5) - without
    print("%.1f MB without, %.1f MB more with log-probabilities" % (without / 1e6, more / 1e6))
    sys.exit(more > LIMIT)


main()
