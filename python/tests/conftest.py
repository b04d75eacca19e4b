"""What the tests share: the tiny checkpoints of tests/golden, the command to compare with, an adapter."""

import faulthandler
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import parallm

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = ROOT / "tests" / "golden"
GEMMA = GOLDEN / "gemma2"  # safetensors
MLX = GOLDEN / "llama-4bit-g32"  # MLX, 4 bits, with a chat template
MOE = GOLDEN / "qwen3-moe"
GGUF = GOLDEN / "mixtral-Q4_0.gguf"
TINY = ROOT / "tests" / "data" / "tiny.gguf"  # 128 tokens of context
COMMAND = os.environ.get("PARALLM", str(ROOT / "build" / "parallm"))

faulthandler.enable()


def command(name, model, lines, *options):
    """The output lines of the command, in the order of the input. A line is an object, or with --text a text."""
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    words = [COMMAND, name, str(model), "-i", "-", "--ordered", "--quiet", *map(str, options)]
    done = subprocess.run(words, input=text, capture_output=True, encoding="utf-8")
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + tensor.nbytes],
        }
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


@pytest.fixture(scope="session")
def adapter(tmp_path_factory):
    """A PEFT adapter of GEMMA's query projections, large enough to change answers."""
    folder = tmp_path_factory.mktemp("adapter")
    config = json.loads((GEMMA / "config.json").read_text())
    rank, hidden = 4, config["hidden_size"]
    width = config["num_attention_heads"] * config["head_dim"]
    random = np.random.default_rng(1)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        stem = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        tensors[f"{stem}.lora_A.weight"] = random.normal(0, 0.5, (rank, hidden)).astype(np.float32)
        tensors[f"{stem}.lora_B.weight"] = random.normal(0, 0.5, (width, rank)).astype(np.float32)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    settings = {"peft_type": "LORA", "r": rank, "lora_alpha": 8, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


@pytest.fixture(scope="module")
def gemma():
    with parallm.LLM(GEMMA) as llm:
        yield llm


@pytest.fixture(scope="module")
def mlx():
    with parallm.LLM(MLX) as llm:
        yield llm
