#!/usr/bin/env python3
"""Random texts and conversations through `parallm` and through the reference implementations: no difference is allowed.

usage: differential.py PARALLM KIND [--seconds 60] [--seed N] [--reference DIR] [--only NAME] [--keep DIR]

KIND: tokenizers   random texts, by the tokenizers of DIR/tokenizers, against the package tokenizers
      assembled    the same by tokenizers put together at random of components in common use; needs no DIR
      templates    random conversations, by the templates of DIR/templates, against jinja2 as transformers sets it up
      expressions  random expressions and statements of the template language, against the same; needs no DIR

The seed is printed, and each difference with the seed of its round: --seed N --rounds 1 makes that round again. Exit
status 77: a package or DIR is not there. PARALLM_VENV names a Python environment to look for packages in.
"""
import argparse
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from packages import load  # noqa: E402


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("parallm")
    a.add_argument("kind", choices=("tokenizers", "assembled", "templates", "expressions"))
    a.add_argument("--seconds", type=float, default=60)
    a.add_argument("--rounds", type=int, default=1 << 30)
    a.add_argument("--seed", type=int, default=None)
    a.add_argument("--reference", default=os.path.join(HERE, "..", "..", "..", "shared", "reference"))
    a.add_argument("--only", default="")
    a.add_argument("--keep", default=None, help="a folder for tokenizers that differ (assembled)")
    a.add_argument("--shown", type=int, default=10, help="differences to print")
    return a.parse_args()


def main():
    a = arguments()
    module = load("against_tokenizers" if a.kind in ("tokenizers", "assembled") else "against_jinja")
    seed = a.seed if a.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed %d" % seed, flush=True)
    rounds = module.prepare(a)
    if not rounds:
        print("skipped: nothing in %s" % a.reference)
        sys.exit(77)
    end, checked, different, number = time.monotonic() + a.seconds, 0, 0, 0
    while number < a.rounds and (number < 1 or time.monotonic() < end):
        for name, play in rounds:
            n, differences = play(random.Random(seed + number))
            checked += n
            different += len(differences)
            for d in differences[:max(0, a.shown - different + len(differences))]:
                print("%s, --seed %d --rounds 1: %s" % (name, seed + number, d), flush=True)
            if number and time.monotonic() > end:
                break
        number += 1
    print("%d of %d answers differ, %d rounds" % (different, checked, number))
    sys.exit(different > 0)


main()
