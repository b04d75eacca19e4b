"""The same requests by the package and by the command: the same bits, in every field."""

import numpy as np
import pytest
from conftest import GEMMA, GGUF, MLX, MOE, command

import parallm
from parallm import LLM, SamplingParams

# Fields of a line of the command, which are SamplingParams' names too.
FEATURES = {
    "greedy": {},
    "drawn": {"temperature": 0.9, "seed": 5},
    "several": {"temperature": 1.1, "seed": 6, "n": 3},
    "top-k": {"temperature": 1.5, "seed": 7, "top_k": 5},
    "top-p": {"temperature": 1.5, "seed": 8, "top_p": 0.7},
    "min-p": {"temperature": 1.5, "seed": 9, "min_p": 0.2},
    "typical": {"temperature": 1.5, "seed": 10, "typical_p": 0.6},
    "repetition": {"repetition_penalty": 1.7},
    "repetition-context": {"repetition_penalty": 1.7, "repetition_context_size": 4},
    "presence": {"presence_penalty": 3.5},
    "frequency": {"frequency_penalty": 2.25},
    "xtc": {"temperature": 1.0, "seed": 11, "xtc_probability": 0.8, "xtc_threshold": 0.05},
    "dry": {"dry_multiplier": 3.0, "dry_base": 1.5, "dry_allowed_length": 1, "dry_range": 30},
    "allowed": {"allowed_token_ids": [5, 17, 300, 301, 302]},
    "bias": {"logit_bias": {"17": 4.5, "300": -100}},
    "bad-words": {"bad_words": ["the", "�", "a"]},
    "min-tokens": {"min_tokens": 12},
    "ignore-eos": {"ignore_eos": True},
    "shown": {"skip_special_tokens": False, "temperature": 3.0, "seed": 12},
    "logprobs": {"logprobs": 3},
    "logprobs-none": {"logprobs": 0, "temperature": 2.0, "seed": 13},
    "prompt-logprobs": {"prompt_logprobs": 2},
    "nothing": {"max_tokens": 0, "prompt_logprobs": 0},
}
PROMPTS = [{"prompt": "Once upon a time"}, {"prompt_token_ids": [5, 9, 300]}, {"messages": [{"role": "user", "content": "Hi"}]}]


def params_of(fields):
    fields = {"temperature": 0.0, "max_tokens": 24, **fields}
    fields["logit_bias"] = {int(k): v for k, v in fields.get("logit_bias", {}).items()}
    return SamplingParams(**fields)


def same_logprobs(ours, theirs, first=0):
    assert len(ours) == len(theirs)
    assert theirs[:first] == [None] * first and ours[:first] == [None] * first
    for i, entry in enumerate(theirs[first:]):
        assert ours.token_ids[i] == entry["token_id"]
        assert ours.logprobs[i] == np.float32(entry["logprob"])
        assert [(t, np.float32(x)) for t, x in ours.top[i].tolist()] == [(t, np.float32(x)) for t, x in entry["top"]]


def same(output, answer, line):
    assert answer.text == line["text"]
    assert answer.token_ids == line["token_ids"]
    assert answer.finish_reason == line["finish_reason"]
    assert answer.stop_reason == line["stop_reason"]
    assert answer.seed == line["seed"]
    assert answer.cumulative_logprob == line["cumulative_logprob"]
    assert len(output.prompt_token_ids) == line["prompt_tokens"]
    assert (answer.logprobs is None) == ("logprobs" not in line)
    if answer.logprobs is not None:
        same_logprobs(answer.logprobs, line["logprobs"])
    assert (output.prompt_logprobs is None) == ("prompt_logprobs" not in line)
    if output.prompt_logprobs is not None:
        same_logprobs(output.prompt_logprobs, line["prompt_logprobs"], 1)


@pytest.mark.parametrize("model", [GEMMA, MLX, MOE, GGUF], ids=lambda path: path.name)
def test_all_features(model):
    cases = [(prompt, fields) for fields in FEATURES.values() for prompt in PROMPTS]
    lines = command("generate", model, [{"max_tokens": 24, **fields, **prompt} for prompt, fields in cases])
    with LLM(model) as llm:
        outputs = llm.generate([p for p, _ in cases], [params_of(f) for _, f in cases], use_tqdm=False)
    answers = [(output, answer) for output in outputs for answer in output.outputs]
    assert len(answers) == len(lines) == len(cases) + 2 * len(PROMPTS)
    for (output, answer), line in zip(answers, lines):
        same(output, answer, line)


def test_where_answers_end(gemma):
    """Stop strings and stop tokens, taken from what the model says without them."""
    free = gemma.generate("Once upon a time", SamplingParams(temperature=0, max_tokens=24), use_tqdm=False)[0].outputs[0]
    piece, token = free.text[6:8], free.token_ids[5]
    cases = [{"stop": piece}, {"stop": [piece], "include_stop_str_in_output": True}, {"stop_token_ids": [token]}]
    lines = command("generate", GEMMA, [{"prompt": "Once upon a time", "max_tokens": 24, **c} for c in cases])
    outputs = gemma.generate(["Once upon a time"] * 3, [params_of(c) for c in cases], use_tqdm=False)
    for output, line in zip(outputs, lines):
        same(output, output.outputs[0], line)
    assert [o.outputs[0].stop_reason for o in outputs] == [piece, piece, token]
    assert piece not in outputs[0].outputs[0].text and outputs[1].outputs[0].text.endswith(piece)


def test_adapters(gemma, adapter):
    request = {"prompt": "Once upon a time", "max_tokens": 24, "logprobs": 1}
    plain, changed = command("generate", GEMMA, [request, {**request, "lora": "x"}], "--lora", f"x={adapter}")
    assert plain["token_ids"] != changed["token_ids"]
    params = params_of({"logprobs": 1})
    lora = parallm.LoRARequest("x", 1, str(adapter))
    for output, line in zip(
        gemma.generate(["Once upon a time"] * 2, params, use_tqdm=False, lora_request=[None, lora]), [plain, changed]
    ):
        same(output, output.outputs[0], line)
    with pytest.raises(parallm.ArgumentError, match="another name"):
        gemma.generate("x", params, lora_request=parallm.LoRARequest("x", 1, "elsewhere"))
    gemma.remove_adapter("x")
    with pytest.raises(parallm.ArgumentError, match="x"):
        gemma.generate("x", params, lora_request="x")


def test_adapter_of_load(adapter):
    model, tokenizer = parallm.load(GEMMA, adapter_path=adapter)
    (line,) = command("generate", GEMMA, [{"prompt": "Hello", "max_tokens": 9, "lora": "x"}], "--lora", f"x={adapter}")
    assert parallm.generate(model, tokenizer, "Hello", max_tokens=9) == line["text"]
    model.close()


@pytest.mark.parametrize("model", [GEMMA, MLX, GGUF], ids=lambda path: path.name)
def test_score(model):
    cases = [
        {"prompt": "Once upon a time"},
        {"prompt": "Once upon", "continuation": " a time, said he"},
        {"prompt_token_ids": [5, 9, 17], "continuation_token_ids": [300, 4]},
        {"prompt_token_ids": [5, 9, 17], "continuation": "the"},
        {"prompt": "x" * 300, "continuation": "yz"},
    ]
    lines = command("score", model, cases, "--top", 2)
    with LLM(model) as llm:
        for case, line in zip(cases, lines):
            prompt = case.get("prompt") or case["prompt_token_ids"]
            after = case.get("continuation") or case.get("continuation_token_ids")
            (score,) = llm.score(prompt, after, top=2, use_tqdm=False)
            assert score.token_ids == line["token_ids"]
            assert [None] * score.start + score.logprobs.tolist() == [
                None if x is None else float(np.float32(x)) for x in line["logprobs"]
            ]
            assert score.sum_logprob == line["sum_logprob"]
            assert score.is_greedy == line["is_greedy"]
            assert score.tokens == line["tokens"]
            top = [[(t, float(np.float32(x))) for t, x in entry] for entry in line["top"][score.start :]]
            assert [entry.tolist() for entry in score.top] == top


def test_chat_templates():
    conversation = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}, {"role": "user", "content": "?"}]
    line = {"messages": conversation, "max_tokens": 12}
    for model in (MLX, GEMMA):  # with a template, and with ChatML in its place
        (answer,) = command("generate", model, [line])
        with LLM(model) as llm:
            (output,) = llm.chat(conversation, SamplingParams(temperature=0, max_tokens=12), use_tqdm=False)
        same(output, output.outputs[0], answer)


@pytest.mark.parametrize("model", [MLX, GEMMA], ids=lambda path: path.name)
def test_batch_generate_formats_as_the_command(model):
    """A prompt by itself is what a user says, where the model knows conversations."""
    words = ["Hello", "Once upon a time", "1 2 3"]
    lines = command("generate", model, words, "--text", "--max-tokens", 10)
    llm, tokenizer = parallm.load(model)
    assert parallm.batch_generate(llm, tokenizer, prompts=words, max_tokens=10) == [line["text"] for line in lines]
    llm.close()
