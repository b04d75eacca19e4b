#!/usr/bin/env python3
"""Every header compiles alone.  usage: headers.py COMPILER"""
import pathlib
import subprocess
import sys


# Vectors, and headers of an instruction set, are part of the files that have its flags, on processors that have it.
def alone(path):
    return not path.name.startswith("vec_") and not any(f"#include <{name}>" in path.read_text(encoding="utf-8") for name in ("immintrin.h", "arm_neon.h"))


headers = [p for root in ("include", "src") for p in sorted(pathlib.Path(root).rglob("*.h")) if alone(p)]
failed = 0
for path in headers:
    run = subprocess.run([sys.argv[1], "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-Isrc",
                          "-fsyntax-only", "-x", "c", "-"], input=f'#include "{path.relative_to(path.parts[0])}"\n',
                         text=True, capture_output=True)
    if run.returncode:
        failed += 1
        print(f"{path}:\n{run.stderr}")
print(f"{len(headers) - failed} of {len(headers)} headers compile alone")
sys.exit(failed > 0 or not headers)
