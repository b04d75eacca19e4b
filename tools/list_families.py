#!/usr/bin/env python3
"""Writes docs/models.md from src/model/families: the list, each family's names, and what its file says of it.

usage: list_families.py [--check]    --check: writes nothing; fails if docs/models.md is not what would be written
"""
import pathlib
import re
import sys

FOLDER = pathlib.Path("src/model/families")
PAGE = pathlib.Path("docs/models.md")

HEAD = """# Models

Made by `tools/list_families.py` from `src/model/families`; a test sees that it is current. `docs/add-a-family.md` tells how to
add one.

Every family is read from a Hugging Face folder (`config.json` of transformers 4 or 5, safetensors in one file or several;
f32, f16, bf16), from an MLX-quantized folder (2, 3, 4, 5, 6 and 8 bits, groups of 32, 64 and 128), and, where it has a GGUF
architecture, from GGUF files (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K to Q6_K, IQ4_NL, IQ4_XS; split or not).
`parallm quantize` writes GGUF (`docs/quantize.md`).

LongRoPE has two lists of factors: a sequence that has grown longer than the original context is rotated with the long ones, from its
first position on, and what was computed with the short ones is computed again.

| family | config.json: architectures | general.architecture of GGUF | models |
|---|---|---|---|
"""


def strings(source, name):
    """The strings of a static array."""
    found = re.search(rf"\*const {name}\[\] = \{{([^}}]*)\}}", source)
    return re.findall(r'"([^"]+)"', found[1]) if found else []


def code(names):
    return ", ".join(f"`{n}`" for n in names) or "-"


def family(stem):
    source = (FOLDER / f"{stem}.c").read_text()
    comment = re.sub(r"\s*\n \* ?", " ", re.match(r"/\* (.*?) ?\*/", source, re.S)[1])
    text, _, models = comment.partition(" Models: ")
    if not models:
        sys.exit(f"{FOLDER / stem}.c: its first comment has no \"Models:\"")
    name = re.search(r'\.name = "([^"]+)"', source)[1]
    writes = re.search(r'\.writes = "([^"]+)"', source)
    gguf = strings(source, "gguf")
    written = writes[1] if writes else None
    arch = code(gguf + ([written] if written and written not in gguf else []))
    return name, f"| {name} | {code(strings(source, 'hf'))} | {arch} | {models.rstrip('.')} |", f"- **{name}**: {text}"


def main():
    stems = re.findall(r"^    X\((\w+)\)", (FOLDER / "families.h").read_text(), re.M)
    parts = [family(stem) for stem in stems]
    rows = "\n".join(row for _, row, _ in parts)
    page = HEAD + rows + "\n\n## What each is\n\n" + "\n".join(text for _, _, text in parts) + "\n"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        sys.exit(f"{PAGE} is not what tools/list_families.py makes of {FOLDER}: run it")
    print(f"{PAGE}: {len(parts)} families")


main()
