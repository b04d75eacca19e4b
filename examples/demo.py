"""The demo of mlx_parallm, all of its 325 pairs of letters at once: python examples/demo.py [MODEL]

Against the original, one import has changed, and MODEL is asked for; without it, a small one is fetched once."""

import string
import subprocess
import sys
from pathlib import Path

from parallm import load, batch_generate


def demo_model():
    fetch = Path(__file__).resolve().parent.parent / "tools" / "demo-model.sh"
    return subprocess.run([str(fetch)], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


model, tokenizer = load(sys.argv[1] if len(sys.argv) > 1 else demo_model())

letters = string.ascii_uppercase
pairs = [(a, b) for i, a in enumerate(letters) for b in letters[i + 1 :]]
template = "Think of a real word containing both the letters {} and {}. Then, say 3 sentences which use the word."
prompts = [template.format(a, b) for a, b in pairs]

responses = batch_generate(model, tokenizer, prompts=prompts, max_tokens=100, verbose=True, temp=0.0)
print("=" * 10)
print(len(responses), "prompts answered")
