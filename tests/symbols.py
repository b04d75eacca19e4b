#!/usr/bin/env python3
"""The library exports pllm_ and nothing else, and all that parallm.h declares.  usage: symbols.py LIBRARY"""
import pathlib
import re
import subprocess
import sys

lines = subprocess.run(["nm", "-D", "--defined-only", sys.argv[1]], capture_output=True, text=True, check=True).stdout
exported = {line.split()[-1].split("@")[0].lstrip("_") for line in lines.splitlines() if line.split()[-2] in "TBDRVW"}
declared = set(re.findall(r"PLLM_API[^;{]*?\b(pllm_\w+)\(", pathlib.Path("include/parallm.h").read_text()))
strangers = {name for name in exported if not name.startswith("pllm_")}
missing = declared - exported
for name in sorted(strangers):
    print(f"exported, but not ours: {name}")
for name in sorted(missing):
    print(f"declared in parallm.h, but not exported: {name}")
print(f"{len(exported)} symbols exported, {len(declared)} declared")
sys.exit(bool(strangers or missing))
