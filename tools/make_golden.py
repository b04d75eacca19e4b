#!/usr/bin/env python3
"""A tiny random checkpoint of a family, with the logits that transformers computes: for tests/golden.

usage: make_golden.py CONFIG.json TOKENIZER-FOLDER OUT [--seed N]

CONFIG.json is what transformers' AutoConfig takes ("model_type" and sizes); the tokenizer's files are copied. Weights are
random, stored as bfloat16; norms and biases are not what a fresh model has, so that a reader who forgets them is found out.
Needs torch, transformers and safetensors; the versions used are noted in reference.json.
"""
import argparse
import json
import pathlib
import shutil

import safetensors.torch
import torch
import transformers

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
LENGTHS = (1, 6, 28)


def randomize(model, generator):
    """Matrices of the usual size; norms round 1, biases round 0."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if p.dim() > 1:
            p.data = noise * (1.0 if "embed" in name else 1.6 / p.shape[-1] ** 0.5)
        else:
            p.data = 0.3 * noise if name.endswith("bias") else 1 + 0.2 * noise
        p.data = p.data.to(torch.bfloat16).to(torch.float32)


def save_weights(model, path):
    tied = model.config.tie_word_embeddings
    tensors = {n: p.detach().to(torch.bfloat16).contiguous() for n, p in model.state_dict().items()
               if not (tied and n == "lm_head.weight")}
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})


def save_reference(model, out, lengths, generator, /, **head):
    """Random prompts of these lengths and the logits of all their positions: reference.json and reference.safetensors."""
    prompts, logits = [], {}
    for i, n in enumerate(lengths):
        ids = torch.randint(model.config.vocab_size, (1, n), generator=generator)
        with torch.no_grad():
            logits[f"p{i}.logits"] = model(ids, use_cache=False).logits[0].contiguous()
        prompts.append({"ids": ids[0].tolist()})
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    reference = {**head, "versions": versions, "prompts": prompts}
    (out / "reference.json").write_text(json.dumps(reference, indent=1) + "\n")
    safetensors.torch.save_file(logits, out / "reference.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("tokenizer")
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    settings = json.loads(pathlib.Path(o.config).read_text())
    generator = torch.Generator().manual_seed(o.seed)
    torch.set_num_threads(1)
    config = transformers.AutoConfig.for_model(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    randomize(model, generator)
    out = pathlib.Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    config.architectures = [type(model).__name__]
    config.dtype = "bfloat16"
    config.save_pretrained(out)
    save_weights(model, out / "model.safetensors")
    for name in TOKENIZER_FILES:
        if (pathlib.Path(o.tokenizer) / name).exists():
            shutil.copy(pathlib.Path(o.tokenizer) / name, out / name)
    save_reference(model, out, LENGTHS, generator, model=settings["model_type"], seed=o.seed)


if __name__ == "__main__":
    main()
