#!/usr/bin/env python3
"""Experts whose matrices are of several types: computed where one packed input serves all of them, else refused by name.

usage: mixed_experts.py PARALLM
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from checkpoint import HERE, read, write
from stacked import quantize

WHICH = {"an up of layer 2": r"layers\.2\..*experts\.5\.up_proj", "all ups": r"experts\.\d+\.up_proj", "one expert": r"layers\.0\..*experts\.3\.(gate|up)_proj",
         "all gates and ups": r"experts\.\d+\.(gate|up)_proj"}


def main():
    qwen = HERE / "qwen3-moe"
    config, tensors = json.loads((qwen / "config.json").read_text()), read(qwen / "model.safetensors")
    failed = False
    for what, pattern in WHICH.items():
        some = {name: t for name, t in tensors.items() if re.search(pattern, name)}
        assert some
        rest = {name: t for name, t in tensors.items() if name not in some}
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch) / "model"
            write(folder, config | {"quantization": {"group_size": 32, "bits": 4}}, rest | quantize(some))
            done = subprocess.run([sys.argv[1], "generate", folder, "--prompt", "one two three", "--max-tokens", "3", "--quiet"], text=True,
                                  capture_output=True, check=False)
        good = done.returncode == 0 if what == "all gates and ups" else done.returncode == 3 and "not multiplied together" in done.stderr
        if not good:
            print(f"{what} in 4 bits: exit code {done.returncode}: {done.stderr}")
            failed = True
    sys.exit(failed)


main()
