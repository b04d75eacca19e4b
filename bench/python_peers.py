#!/usr/bin/env python3
"""The same script on parallm, vLLM and transformers, and whether their greedy texts agree up to near-ties.

    python bench/python_peers.py make MODEL.gguf FOLDER           its weights, dequantized, as bf16 safetensors
    python bench/python_peers.py parallm|vllm|transformers FOLDER OUT.json
    python bench/python_peers.py compare OURS.json THEIRS.json

A continuation that parts from ours parts at a near-tie if their token is among the first five of ours there, behind by less
than NEAR (bf16 has 8 bits, of activations too: logits of 20 are 0.125 apart)."""

import json
import string
import sys
import time

N_PROMPTS, N_ANSWER, NEAR = 256, 64, 0.5


def prompts(folder):
    from transformers import AutoTokenizer

    letters = string.ascii_uppercase
    template = "Think of a real word containing both the letters {} and {}. Then, say 3 sentences which use the word."
    asked = [template.format(a, b) for i, a in enumerate(letters) for b in letters[i + 1 :]][:N_PROMPTS]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [
        tokenizer.apply_chat_template([{"role": "user", "content": a}], add_generation_prompt=True, tokenize=False)
        for a in asked
    ]


def make(gguf, folder):
    import os

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where, name = os.path.split(os.path.abspath(gguf))
    read = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.bfloat16)
    if hasattr(read.config, "quantization_config"):  # a model that came out of a GGUF file does not let itself be saved
        del read.config.quantization_config
    plain = type(read)(read.config).to(torch.bfloat16)
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(where, gguf_file=name).save_pretrained(folder)


def by_engine(package, folder, out):
    """parallm and vLLM: one text but for the import."""
    if package == "parallm":
        from parallm import LLM, SamplingParams
    else:
        from vllm import LLM, SamplingParams
    texts = prompts(folder)
    llm = LLM(model=folder, dtype="bfloat16", max_model_len=256)
    params = SamplingParams(temperature=0, max_tokens=N_ANSWER)
    llm.generate(texts[:2], params, use_tqdm=False)  # whatever is done once
    begun = time.perf_counter()
    outputs = llm.generate(texts, params, use_tqdm=False)
    seconds = time.perf_counter() - begun
    result = {"seconds": seconds, "tokens": [list(o.outputs[0].token_ids) for o in outputs]}
    if package == "parallm":
        scored = llm.generate(texts, SamplingParams(temperature=0, max_tokens=N_ANSWER, logprobs=5), use_tqdm=False)
        result["top"] = [[list(entry.tolist()) for entry in o.outputs[0].logprobs.top] for o in scored]
    save(result, out)


def by_transformers(folder, out):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    texts, tokens = prompts(folder), []
    begun = time.perf_counter()
    for i in range(0, len(texts), 64):
        batch = tokenizer(texts[i : i + 64], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            made = model.generate(**batch, max_new_tokens=N_ANSWER, do_sample=False)
        tokens += made[:, batch["input_ids"].shape[1] :].tolist()
    save({"seconds": time.perf_counter() - begun, "tokens": tokens}, out)


def save(result, out):
    n = sum(map(len, result["tokens"]))
    print(f"{result['seconds']:.1f} s, {n} tokens, {n / result['seconds']:.0f} tokens/s")
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file)


def compare(ours, theirs):
    ours, theirs = (json.load(open(path, encoding="utf-8")) for path in (ours, theirs))
    same = near = 0
    far = []
    for i, (a, b) in enumerate(zip(ours["tokens"], theirs["tokens"])):
        at = next((k for k in range(min(len(a), len(b))) if a[k] != b[k]), None)
        if at is None:
            same += 1
            continue
        top = ours["top"][i][at]
        behind = [round(top[0][1] - score, 3) for token, score in top if token == b[at]]
        if behind and behind[0] < NEAR:
            near += 1
        else:
            far.append((i, at, a[at], b[at], behind))
    print(f"{same} the same, {near} part at a near-tie, {len(far)} elsewhere: {far[:10]}")
    sys.exit(bool(far))


def main():
    what, *words = sys.argv[1:]
    if what in ("parallm", "vllm"):
        by_engine(what, *words)
    else:
        {"make": make, "transformers": by_transformers, "compare": compare}[what](*words)


if __name__ == "__main__":
    main()
