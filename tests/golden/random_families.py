#!/usr/bin/env python3
"""Random checkpoints of every family, of any sizes and options, against the logits that transformers computes for them.

usage: random_families.py GOLDEN [--seed 1] [--rounds 1] [--only FAMILY] [--keep FOLDER]

GOLDEN is the test program of that name. Widths are no multiples of anything; heads are grouped by any number; biases, windows,
tied heads, experts, rotations and soft-caps come and go as the family has them; weights are f32, f16 or bf16, in one file or
several; config.json is in the form of transformers 4 or 5, with all settings or without usual ones. A difference is printed with
what makes it again, and --keep keeps its folder. Exit status 77: torch or transformers is not there. PARALLM_VENV names a Python
environment to look for them in.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from checkpoint import HERE

sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "tools")]
from packages import load  # noqa: E402

TOKENS = 640  # of the tokenizer that all of them get
DTYPES = ("float32", "bfloat16", "float16")
LEFT_OUT = ("rms_norm_eps", "hidden_act", "hidden_activation", "attention_bias", "mlp_bias", "tie_word_embeddings", "sliding_window",
            "use_sliding_window", "max_window_layers", "attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar",
            "attention_multiplier", "embedding_multiplier", "logits_scaling", "residual_multiplier", "norm_topk_prob", "use_qkv_bias",
            "decoder_sparse_step", "use_parallel_residual", "layer_norm_eps", "partial_rotary_factor")


# ---- What families have in common --------------------------------------------------------------------


def sizes(r, wide_as_heads=False):
    """Heads of any size and number; unless wide_as_heads, the hidden size need not be theirs together."""
    while True:
        kv, group, head = r.randint(1, 4), r.choice((1, 2, 3, 4, 7)), r.choice((8, 16, 24, 32, 40, 64, 80, 96, 128))
        heads = kv * group
        hidden = heads * head if wide_as_heads or r.random() < 0.5 else heads * r.choice((4, 6, 10, 14, 20, 32))
        if 32 <= hidden <= 1024 and heads * head <= 1024:
            return {"hidden_size": hidden, "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": head,
                    "intermediate_size": r.choice((64, 88, 100, 172, 256, 417)), "num_hidden_layers": r.randint(1, 5),
                    "max_position_embeddings": r.choice((64, 128, 512, 2048)), "rms_norm_eps": r.choice((1e-5, 1e-6)),
                    "vocab_size": TOKENS + r.choice((0, 1, 60, 137, 384)), "tie_word_embeddings": r.random() < 0.5}


def yarn(r):
    rope = {"rope_type": "yarn", "factor": r.choice((2.0, 4.0, 8.0)), "original_max_position_embeddings": r.choice((32, 64))}
    for option in ({"beta_fast": 16, "beta_slow": 2}, {"attention_factor": 1.1}, {"mscale": 1.0, "mscale_all_dim": 0.8}, {"truncate": False}):
        rope.update(option if r.random() < 0.3 else {})
    return rope


def rope(r):
    rope = r.choice((
        {"rope_type": "default"}, {"rope_type": "default"}, {"rope_type": "linear", "factor": 3.5}, {"rope_type": "dynamic", "factor": 2.0},
        {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32},
        yarn(r)))
    return {**rope, "rope_theta": r.choice((10000.0, 500000.0, 1e6, 2e6))}


# ---- What each has of its own: CONFIG[model_type](r) --------------------------------------------------


def llama(r):
    return {**sizes(r), "rope_parameters": rope(r), "attention_bias": r.random() < 0.3, "mlp_bias": r.random() < 0.3}


def mistral(r):
    return {**sizes(r), "rope_parameters": rope(r), "sliding_window": r.choice((None, 8, 100, 300))}


def mixtral(r):
    return {**mistral(r), "num_local_experts": r.choice((3, 4, 8)), "num_experts_per_tok": r.randint(1, 3)}


def gemma(r):
    return {**sizes(r), "tie_word_embeddings": r.random() < 0.9, "attention_bias": r.random() < 0.2}


def gemma2(r):
    return {**gemma(r), "query_pre_attn_scalar": r.choice((24, 64, 100)), "sliding_window": r.choice((8, 64, 257)),
            "attn_logit_softcapping": r.choice((None, 20.0, 50.0)), "final_logit_softcapping": r.choice((None, 30.0))}


def gemma3(r):
    c = {**gemma(r), "query_pre_attn_scalar": r.choice((24, 64, 100)), "sliding_window": r.choice((8, 64))}
    c["layer_types"] = [r.choice(("sliding_attention", "full_attention")) for _ in range(c["num_hidden_layers"])]
    full = r.choice(({"rope_type": "default"}, {"rope_type": "linear", "factor": 8.0}))
    c["rope_parameters"] = {"full_attention": {**full, "rope_theta": 1e6},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}
    return c


def phi3(r):
    c = sizes(r, wide_as_heads=True)
    part, trained = r.choice((1.0, 0.5, 0.75)), r.choice((32, 64))
    pairs = int(c.pop("head_dim") * part) // 2
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": part}
    if r.random() < 0.6:
        rope.update(rope_type="longrope", short_factor=[round(1 + 0.03 * i, 4) for i in range(pairs)],
                    long_factor=[round(1.05 * 1.2 ** i, 4) for i in range(pairs)],
                    **r.choice(({}, {"factor": 6.0}, {"attention_factor": 1.2})))
        c["max_position_embeddings"] = trained * r.choice((4, 32))
    return {**c, "rope_parameters": rope, "partial_rotary_factor": part, "original_max_position_embeddings": trained,
            "sliding_window": r.choice((None, 12, 2047)), "pad_token_id": 0}


def qwen(r):
    c = {**sizes(r), "rope_parameters": rope(r)}
    if r.random() < 0.4:
        c.update(use_sliding_window=True, sliding_window=r.choice((8, 50)), max_window_layers=r.randint(0, c["num_hidden_layers"]))
    return c


def qwen2(r):
    return {**qwen(r), "hidden_act": r.choice(("silu", "silu", "gelu", "gelu_pytorch_tanh", "relu"))}


def qwen3(r):
    return {**qwen(r), "attention_bias": r.random() < 0.3}


def qwen3_moe(r):
    return {**qwen(r), "num_experts": r.choice((4, 6, 16)), "num_experts_per_tok": r.randint(1, 4),
            "moe_intermediate_size": r.choice((32, 48, 100)), "norm_topk_prob": r.random() < 0.6,
            "decoder_sparse_step": r.choice((1, 1, 2)), "mlp_only_layers": [0] if r.random() < 0.3 else []}


def olmo2(r):
    c = {**sizes(r, wide_as_heads=True), "rope_parameters": rope(r), "attention_bias": r.random() < 0.3}
    del c["head_dim"]
    return c


def olmo3(r):
    c, theta = olmo2(r), r.choice((10000.0, 500000.0))
    c["layer_types"] = [r.choice(("sliding_attention", "full_attention")) for _ in range(c["num_hidden_layers"])]
    full = yarn(r) if r.random() < 0.6 else {"rope_type": "default"}
    full.pop("truncate", None)  # transformers 5.24 looks for it one level above
    c["rope_parameters"] = {"full_attention": {**full, "rope_theta": theta},
                            "sliding_attention": {"rope_type": "default", "rope_theta": theta}}
    return {**c, "sliding_window": r.choice((8, 64)), "attention_bias": r.random() < 0.3}


def seed_oss(r):
    return {**llama(r), "attention_out_bias": r.random() < 0.3}


def exaone4(r):
    c = {**sizes(r), "rope_parameters": rope(r), "sliding_window": r.choice((None, 8, 64))}
    if c["sliding_window"] is None:
        c["layer_types"] = ["full_attention"] * c["num_hidden_layers"]
    elif r.random() < 0.5:
        c["sliding_window_pattern"] = r.choice((2, 4, 5))
    return c


def hunyuan(r):
    c = llama(r)
    if r.random() < 0.6:
        c["rope_parameters"] = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 1.0, "alpha": r.choice((1000.0, 50.0))}
    del c["mlp_bias"]
    return c


def ernie4_5(r):
    c = {**llama(r), "use_bias": r.random() < 0.3}
    return {k: v for k, v in c.items() if not k.endswith("_bias") or k == "use_bias"}


def glm4(r):
    c, part = {**llama(r), "pad_token_id": 0}, r.choice((0.25, 0.5, 1.0))
    del c["mlp_bias"]
    c["rope_parameters"]["partial_rotary_factor"] = part
    return {**c, "partial_rotary_factor": part}


def cohere(r):
    c = {**sizes(r, wide_as_heads=True), "rope_parameters": rope(r), "attention_bias": r.random() < 0.3, "pad_token_id": 0}
    del c["head_dim"], c["rms_norm_eps"]
    return {**c, "layer_norm_eps": r.choice((1e-5, 1e-3)), "logit_scale": r.choice((0.0625, 1.5))}


def cohere2(r):
    c = {**cohere(r), "sliding_window": r.choice((8, 64))}
    if r.random() < 0.6:
        c["layer_types"] = [r.choice(("sliding_attention", "full_attention")) for _ in range(c["num_hidden_layers"])]
    return c


def granite(r):
    return {**llama(r), "embedding_multiplier": r.choice((1.0, 12.0)), "logits_scaling": r.choice((1.0, 8.0)),
            "residual_multiplier": r.choice((1.0, 0.22)), "attention_multiplier": r.choice((0.0156, 0.1))}


def smollm3(r):
    c = llama(r)
    window = {"use_sliding_window": True, "sliding_window": r.choice((8, 60))} if r.random() < 0.4 else {}
    return {**c, **window, "no_rope_layers": [int(r.random() < 0.7) for _ in range(c["num_hidden_layers"])], "pad_token_id": 0}


def stablelm(r):
    c, part = sizes(r, wide_as_heads=True), r.choice((0.25, 0.5, 1.0))
    del c["head_dim"], c["rms_norm_eps"]
    return {**c, "layer_norm_eps": 1e-5, "use_qkv_bias": r.random() < 0.5, "use_parallel_residual": r.random() < 0.4,
            "partial_rotary_factor": part, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": part}}


CONFIG = {"llama": llama, "mistral": mistral, "mixtral": mixtral, "gemma": gemma, "gemma2": gemma2, "gemma3_text": gemma3, "phi3": phi3,
          "qwen2": qwen2, "qwen3": qwen3, "qwen3_moe": qwen3_moe, "olmo2": olmo2, "olmo3": olmo3, "seed_oss": seed_oss,
          "exaone4": exaone4, "hunyuan_v1_dense": hunyuan, "ernie4_5": ernie4_5, "glm4": glm4, "cohere": cohere, "cohere2": cohere2,
          "granite": granite, "smollm3": smollm3, "stablelm": stablelm}


# ---- Checkpoints -------------------------------------------------------------------------------------


def older_form(r, path):
    """config.json as transformers 4 wrote it."""
    c = json.loads(path.read_text())
    ropes = c.pop("rope_parameters", None) or {"rope_type": "default", "rope_theta": 10000.0}
    c["torch_dtype"] = c.pop("dtype")
    if "full_attention" in ropes:
        c["rope_local_base_freq"] = ropes["sliding_attention"]["rope_theta"]
        ropes = ropes["full_attention"]
    c["rope_theta"] = ropes.pop("rope_theta")
    if "partial_rotary_factor" in ropes:
        c["partial_rotary_factor"] = ropes.pop("partial_rotary_factor")
    c["rope_scaling"] = None if ropes["rope_type"] == "default" else ropes
    if c["rope_scaling"] and r.random() < 0.3:
        c["rope_scaling"]["type"] = c["rope_scaling"].pop("rope_type")
    path.write_text(json.dumps(c))


def sparser_form(r, config, path):
    """config.json without settings that are what their family takes where nothing is said."""
    c, usual = json.loads(path.read_text()), type(config)()
    for key in LEFT_OUT:
        if key in c and c[key] == getattr(usual, key, c) and r.random() < 0.7:
            del c[key]
    theta = getattr(usual, "default_theta", 10000.0)
    if c.get("rope_theta") == (theta["global"] if isinstance(theta, dict) else theta):
        del c["rope_theta"]
    path.write_text(json.dumps(c))


def write(golden, r, family, out):
    """A checkpoint and its reference in folder `out`."""
    import torch
    import transformers
    transformers.utils.logging.disable_progress_bar()
    generator = torch.Generator().manual_seed(r.randrange(1 << 30))
    config = transformers.AutoConfig.for_model(family, bos_token_id=1, eos_token_id=2, **CONFIG[family](r))
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    golden.randomize(model, generator)
    model.to(getattr(torch, r.choice(DTYPES))).save_pretrained(out, max_shard_size=r.choice(("1GB", "200KB")))
    stored = transformers.AutoModelForCausalLM.from_pretrained(out, attn_implementation="eager", experts_implementation="eager",
                                                               dtype=torch.float32).eval()
    lengths = [1, r.randint(2, 9), r.randint(20, 50), r.randint(60, 140)] + [r.randint(250, 700)] * (r.random() < 0.3)
    golden.save_reference(stored, out, [n for n in lengths if n <= config.max_position_embeddings], generator)
    for name in golden.TOKENIZER_FILES:
        shutil.copy(HERE / "qwen3-moe" / name, out)
    if r.random() < 0.5:
        older_form(r, out / "config.json")
    if r.random() < 0.5:
        sparser_form(r, config, out / "config.json")


def differs(golden, program, seed, family, folder):
    """What the program says of a random checkpoint of the family, if it is not the reference's."""
    r = random.Random("%s %d" % (family, seed))
    out = pathlib.Path(folder) / ("%s-%d" % (family, seed))
    while True:
        shutil.rmtree(out, ignore_errors=True)
        try:
            write(golden, r, family, out)
            break
        except ValueError as e:  # options that transformers does not take together
            if "validat" not in str(e).lower():
                raise
    run = subprocess.run([program, out, out / "reference"], capture_output=True, text=True)
    if run.returncode == 0:
        shutil.rmtree(out)
        return None
    return (run.stdout + run.stderr).strip()


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("golden")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--rounds", type=int, default=1)
    a.add_argument("--only", choices=CONFIG)
    a.add_argument("--keep")
    a = a.parse_args()
    golden = load("make_golden")
    checked = different = 0
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(a.seed, a.seed + a.rounds):
            for family in [a.only] if a.only else CONFIG:
                wrong = differs(golden, os.path.abspath(a.golden), seed, family, a.keep or temporary)
                checked += 1
                different += wrong is not None
                if wrong:
                    print("--only %s --seed %d: %s" % (family, seed, wrong), flush=True)
    print("%d of %d random checkpoints differ" % (different, checked))
    sys.exit(different > 0)


main()
