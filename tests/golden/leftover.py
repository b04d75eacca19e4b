#!/usr/bin/env python3
"""A weight of a layer that the family has no place for is refused by its name; buffers that tools leave behind are not.

usage: leftover.py PARALLM
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from checkpoint import HERE, read, write

VECTOR = ("F32", [4], bytes(16))
REFUSED = ["model.layers.0.self_attn.q_proj.lora_A.weight", "model.layers.2.mlp.shared_expert.up_proj.weight",
           "model.layers.1.post_feedforward_layernorm.weight", "model.layers.1.mlp.gate.weight", "model.layers.0.mlp.gate.bias",
           "model.layers.3.input_layernorm.weight"]
TAKEN = ["model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq", "vision.layers.0.weight", "value_head.weight"]


def main():
    qwen = HERE / "qwen3-moe"
    config, tensors = json.loads((qwen / "config.json").read_text()), read(qwen / "model.safetensors")
    failed = False
    for name in REFUSED + TAKEN:
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "model"
            write(folder, config, tensors | {name: VECTOR})
            done = subprocess.run([sys.argv[1], "plan", folder], text=True, capture_output=True, check=False)
            refused = done.returncode == 3 and done.stderr.startswith(f"parallm: {folder}: tensor {name} has no place in ")
            if refused != (name in REFUSED) or done.returncode not in (0, 3):
                print(f"{name}: exit code {done.returncode}: {done.stderr}")
                failed = True
    sys.exit(failed)


main()
