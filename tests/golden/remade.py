#!/usr/bin/env python3
"""The checkpoints here that tools/make_golden.py made, made again from their own config.json: the same prompts, and logits that
the program agrees with.

usage: remade.py GOLDEN    (the test program of that name). Exit status 77: torch or transformers is not there
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from checkpoint import HERE

sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "tools")]
from packages import load  # noqa: E402


def main():
    load("torch")
    load("transformers")
    failed = n = 0
    for reference in sorted(HERE.glob("*/reference.json")):
        head, folder = json.loads(reference.read_text()), reference.parent
        if "seed" not in head or "model" not in head:
            continue
        with tempfile.TemporaryDirectory() as out:
            subprocess.run([sys.executable, HERE.parent.parent / "tools" / "make_golden.py", folder / "config.json", folder, out,
                            "--seed", str(head["seed"])], check=True)
            same = json.loads((pathlib.Path(out) / "reference.json").read_text())["prompts"] == head["prompts"]
            run = subprocess.run([sys.argv[1], out, pathlib.Path(out) / "reference"], capture_output=True, text=True, check=False)
        n += 1
        if run.returncode or not same:
            failed += 1
            print("%s: %s" % (folder.name, (run.stdout + run.stderr).strip() if same else "other prompts"))
    print("%d of %d differ" % (failed, n))
    sys.exit(failed > 0 or n == 0)


main()
