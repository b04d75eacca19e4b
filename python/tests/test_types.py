"""The package's types: its own code, and a program that uses it, under mypy --strict."""

import subprocess
import sys

import pytest
from conftest import ROOT

PROGRAM = '''
from collections.abc import Iterator

from parallm import LLM, LoRARequest, Model, Prompt, RequestOutput, SamplingParams, Tokenizer
from parallm import batch_generate, generate, load, pull, stream_generate


def from_mlx(path: str) -> str:
    model, tokenizer = load(path, adapter_path=None)
    answers: list[str] = batch_generate(model, tokenizer, prompts=["a", "b"], max_tokens=5, temp=0.5, top_p=0.9)
    several = batch_generate(model, tokenizer, ["a"], n=4)
    reveal_type(several)
    reveal_type(stream_generate(model, tokenizer, "a"))
    reveal_type(stream_generate(model, tokenizer, ["a", "b"]))
    for piece in stream_generate(model, tokenizer, [1, 2], max_tokens=None):
        answers.append(piece)
    for index, text in stream_generate(model, tokenizer, ["a", "b"], format_prompts=True):
        answers[index] += text
    return generate(model, tokenizer, "a", max_tokens=5)


def from_vllm(path: str) -> Iterator[RequestOutput]:
    with Model(path, progress=False) as model, LLM(model, max_model_len=100) as llm:
        params = SamplingParams(temperature=0.5, stop=["x"], logit_bias={5: -1.0})
        prompts: list[Prompt] = ["a", [1, 2], {"prompt": "b"}]
        outputs = llm.generate(prompts, params, lora_request=LoRARequest("a", 1, "b"))
        outputs += llm.generate("a") + llm.generate(["a", "b"]) + llm.generate([[1, 2], [3]], [params] * 2)
        outputs += llm.chat([{"role": "user", "content": "a"}], [params])
        entry = outputs[0].outputs[0].logprobs
        if entry is not None:
            print(entry[0][5].logprob + 1)
        print(llm.score("a", ["b", "c"])[0].sum_logprob + 1, outputs[0].outputs[0].text.upper())
        ids: list[int] = Tokenizer(path).encode("a")
        yield from llm.generate_iter(([i] for i in ids), params)
    print(pull("org/name").upper())
'''


@pytest.fixture
def mypy(tmp_path):
    pytest.importorskip("mypy")

    def check(*words):
        line = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *map(str, words)]
        env = {"MYPYPATH": str(ROOT / "python"), "PATH": ""}
        done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env=env)
        return done.stdout + done.stderr

    return check


def test_the_package(mypy):
    assert "Success" in mypy("--config-file", "pyproject.toml")


def test_a_program(mypy, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    told = mypy("--config-file", "pyproject.toml", tmp_path / "program.py")
    assert "Success" in told, told
    revealed = [line.split('"')[1].replace("builtins.", "") for line in told.splitlines() if "Revealed" in line]
    assert revealed == ["list[Any]", "typing.Iterator[str]", "typing.Iterator[tuple[int, str]]"], told


def test_a_wrong_program(mypy, tmp_path):
    (tmp_path / "program.py").write_text("from parallm import LLM\nLLM('x', threads='two')\nLLM('x').generat('y')\n")
    told = mypy("--config-file", "pyproject.toml", tmp_path / "program.py")
    assert "arg-type" in told and "attr-defined" in told
