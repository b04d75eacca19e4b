"""What people give: numbers of NumPy, generators, a single prompt, names of other programs. It works or says why not."""

import asyncio
import copy
import dataclasses
import io
import pickle
import re
import sys
import warnings

import numpy as np
import pytest
from conftest import GEMMA, MLX, TINY

import parallm
from parallm import LLM, Model, SamplingParams, Tokenizer, batch_generate, generate, stream_generate

GREEDY = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True)
WORDS = ["Hello", "Once upon a time", "1 2 3"]


def ids(outputs):
    return [o.outputs[0].token_ids for o in outputs]


@pytest.fixture(scope="module")
def loaded():
    model, tokenizer = parallm.load(MLX)
    yield model, tokenizer
    model.close()


# ---- The functions of mlx_parallm


def test_prompts_of_batch_generate(loaded):
    expected = batch_generate(*loaded, prompts=WORDS, max_tokens=6)
    assert batch_generate(*loaded, prompts=iter(WORDS), max_tokens=6) == expected
    assert batch_generate(*loaded, prompts=np.array(WORDS), max_tokens=6) == expected
    assert batch_generate(*loaded, prompts="Hello", max_tokens=6) == expected[:1]
    assert batch_generate(*loaded, prompts=[{"role": "user", "content": "Hello"}], max_tokens=6) == expected[:1]
    assert batch_generate(*loaded, prompts=[], verbose=True) == []
    with pytest.raises(parallm.ArgumentError, match="prompts: is None"):
        batch_generate(*loaded, prompts=None)
    with pytest.raises(parallm.ArgumentError, match=r"prompts\[1\]: is None, wanted text, token ids or messages"):
        batch_generate(*loaded, prompts=["Hello", None])


def test_max_tokens(loaded):
    expected = batch_generate(*loaded, prompts=WORDS, max_tokens=6)
    assert batch_generate(*loaded, prompts=WORDS, max_tokens=np.int64(6)) == expected
    assert batch_generate(*loaded, prompts=WORDS, max_tokens=np.array([6, 6, 6])) == expected
    assert batch_generate(*loaded, prompts=WORDS, max_tokens=[6, 0, 6]) == [expected[0], "", expected[2]]
    assert generate(*loaded, "Hello", max_tokens=None, stop=[expected[0][:1] or "a"]) is not None
    for wrong, message in (([6, 6], "has 2"), ([6] * 4, "has more"), ("6", "is '6'")):
        with pytest.raises(parallm.ArgumentError, match=f"max_tokens: {message}"):
            batch_generate(*loaded, prompts=WORDS, max_tokens=wrong)


def test_all_three_can_format(loaded, capsys):
    (expected,) = batch_generate(*loaded, prompts=["Hello"], max_tokens=12)
    raw = generate(*loaded, "Hello", max_tokens=12)
    assert raw != expected
    assert generate(*loaded, "Hello", max_tokens=12, format_prompts=True) == expected
    assert generate(*loaded, "Hello", max_tokens=12, format_prompts=True, verbose=True) == expected
    assert expected in capsys.readouterr().out
    conversation = [{"role": "user", "content": "Hello"}]
    assert "".join(stream_generate(*loaded, conversation, max_tokens=12)) == expected
    assert generate(*loaded, conversation, max_tokens=12) == expected


def test_several_answers_are_apart_when_verbose(loaded, capsys):
    options = dict(max_tokens=8, temp=0.9, seed=2, n=3)
    expected = generate(*loaded, "Hello", **options)
    assert len(expected) == 3
    assert generate(*loaded, "Hello", verbose=True, **options) == expected
    capsys.readouterr()


@pytest.mark.parametrize(
    "name, meant",
    [
        ("max_new_tokens", "max_tokens"),
        ("temprature", "temperature"),
        ("repeat_penalty", "repetition_penalty"),
        ("xyzzy", None),
    ],
)
def test_unknown_options(loaded, name, meant):
    hint = f"; did you mean '{meant}'" if meant else "'$"
    for function in (generate, stream_generate, batch_generate):
        message = rf"^{function.__name__}\(\) got an unexpected keyword argument '{name}'?{hint}"
        with pytest.raises(TypeError, match=message):
            function(*loaded, ["Hello"], **{name: 1})


def test_unknown_options_of_llm():
    with pytest.raises(TypeError, match=r"LLM\(\) got .* 'n_ctx'; did you mean 'max_model_len'"):
        LLM(MLX, n_ctx=100)
    with pytest.raises(TypeError, match="did you mean 'max_num_seqs'"):
        LLM(MLX, max_num_seq=100)


# ---- LLM


def test_numbers_of_numpy(gemma):
    expected = ids(gemma.generate(WORDS, GREEDY, use_tqdm=False))
    params = SamplingParams(
        temperature=np.float32(0),
        top_p=np.float64(1),
        max_tokens=np.int64(8),
        ignore_eos=np.bool_(True),
        n=np.int32(1),
        seed=np.uint64(4),
    )
    assert ids(gemma.generate(WORDS, params, use_tqdm=False, priority=np.int64(2))) == expected
    assert ids(gemma.generate(np.array(WORDS), params, use_tqdm=False, priority=np.arange(3))) == expected
    prompt = gemma.encode("Hello")[0]
    for form in (prompt, prompt.astype(np.int64), prompt.astype(np.uint16), list(prompt), tuple(prompt.tolist())):
        assert ids(gemma.generate(form, GREEDY, use_tqdm=False)) == expected[:1]
    tokenizer = gemma.get_tokenizer()
    assert tokenizer.decode(np.int64(prompt[-1])) == tokenizer.decode([int(prompt[-1])])


def test_one_value_for_each_prompt(gemma):
    several = dict(priority=iter([0, 1, 2]), lora_request=[None] * 3)
    outputs = gemma.generate(iter(WORDS), (GREEDY for _ in WORDS), use_tqdm=False, **several)
    assert ids(outputs) == ids(gemma.generate(WORDS, GREEDY, use_tqdm=False))
    for options, message in (
        ({"sampling_params": {"temperature": 0}}, "sampling_params: is {'temperature': 0}, wanted SamplingParams"),
        ({"sampling_params": 5}, "sampling_params: is 5"),
        ({"sampling_params": [GREEDY, None, GREEDY]}, r"sampling_params\[1\]: is None"),
        ({"priority": [1]}, "priority: has 1, wanted one for each prompt"),
        ({"priority": [1] * 4}, "priority: has more than the 3 prompts"),
        ({"priority": 0.5}, "priority: is 0.5"),
        ({"lora_request": [None]}, "lora_request: has 1"),
        ({"lora_request": 5}, "lora_request: is 5, wanted LoRARequest or str or None"),
        ({"lora_request": "nobody"}, r"prompts\[0\]: adapter: there is none of the name \"nobody\""),
    ):
        with pytest.raises(parallm.ArgumentError, match=message):
            gemma.generate(WORDS, use_tqdm=False, **options)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"temperature": "warm"}, "temperature: is 'warm', wanted a number"),
        ({"max_tokens": 1.5}, "max_tokens: is 1.5, wanted a whole number"),
        ({"ignore_eos": "yes"}, "ignore_eos: is 'yes', wanted True or False"),
        ({"include_stop_str_in_output": "yes"}, "include_stop_str_in_output: is 'yes'"),
        ({"stop": 5}, "stop: is 5, wanted a string or several"),
        ({"bad_words": 5}, "bad_words: is 5"),
        ({"stop_token_ids": 5}, "stop_token_ids: is 5, wanted a list of token ids"),
        ({"stop_token_ids": [5, "x"]}, "stop_token_ids: has 'x'"),
        ({"truncate_prompt_tokens": 0}, "truncate_prompt_tokens: is 0"),
        ({"truncate_prompt_tokens": "3"}, "truncate_prompt_tokens: is '3'"),
    ],
)
def test_messages_name_what_was_found(gemma, fields, message):
    with pytest.raises(parallm.ArgumentError, match=message):
        gemma.generate("Hello", SamplingParams(**fields), use_tqdm=False)


@pytest.mark.parametrize("form", ["[True, False]", "b'abc'", "object()", "{1, 2}", "[5, None]", "[[1.5]]"])
def test_what_is_no_prompt(gemma, form):
    with pytest.raises(parallm.ArgumentError, match=r"prompts\[1\]: (is|has)"):
        gemma.generate(["fine", eval(form)], GREEDY, use_tqdm=False)


def test_a_bad_word_may_stand_alone(gemma):
    free = gemma.generate("Once upon a time", GREEDY, use_tqdm=False)[0].outputs[0].text
    alone, listed = (
        gemma.generate("Once upon a time", SamplingParams(temperature=0, max_tokens=8, bad_words=words), use_tqdm=False)
        for words in (free[2:5], [free[2:5]])
    )
    assert ids(alone) == ids(listed)


def test_prompts_are_truncated_to_their_end(gemma):
    for limit, left in ((2, [8, 9]), (np.int64(3), [7, 8, 9]), (50, [5, 6, 7, 8, 9])):
        params = SamplingParams(max_tokens=1, truncate_prompt_tokens=limit)
        (output,) = gemma.generate([[5, 6, 7, 8, 9]], params, use_tqdm=False)
        assert output.prompt_token_ids == left
    with LLM(TINY) as llm:
        most = llm.plan.max_model_len
        params = SamplingParams(max_tokens=10, ignore_eos=True, truncate_prompt_tokens=-1)
        (output,) = llm.generate([[5] * 500], params, use_tqdm=False)
        assert len(output.prompt_token_ids) == most - 10 and len(output.outputs[0].token_ids) == 10


def test_nothing_is_computed_if_one_request_is_wrong(gemma):
    """Also beyond the first ones that the engine gets at once."""
    before = gemma.stats.steps
    wrong = SamplingParams(top_p=1.5)
    for prompts, params, message in (
        (["fine"] * 999 + [[10**6]], GREEDY, r"tokens\[0\]: is token 1000000"),
        (["fine"] * 1000, [GREEDY] * 999 + [wrong], "top_p: is 1.5"),
    ):
        with pytest.raises(parallm.ArgumentError, match=rf"^prompts\[999\]: {message}"):
            gemma.generate(prompts, params, use_tqdm=False)
    assert gemma.stats.steps == before


def test_an_answer_tells_its_adapter(gemma, adapter):
    lora = parallm.LoRARequest("told", 1, str(adapter))
    outputs = gemma.generate(["x", "x"], GREEDY, lora_request=[lora, None], use_tqdm=False)
    assert [o.lora_request for o in outputs] == [lora, None]
    gemma.remove_adapter("told")


def test_one_context_with_several_continuations(gemma):
    together = gemma.score("The sky is", [" blue", " green"], use_tqdm=False)
    assert together == gemma.score(["The sky is"] * 2, [" blue", " green"], use_tqdm=False)
    assert together != gemma.score(["The sky is"] * 2, [" green", " blue"], use_tqdm=False)


def test_outputs_are_compared_by_value(gemma):
    params = SamplingParams(temperature=0, max_tokens=4, logprobs=2, prompt_logprobs=1)
    first, again, other = (gemma.generate(p, params, use_tqdm=False)[0] for p in ("Hello", "Hello", "Bye"))
    again.request_id = first.request_id
    again.num_cached_tokens = first.num_cached_tokens
    assert first == again and first.outputs == again.outputs
    assert first != other and first != "Hello"


def test_options_of_the_model_are_refused_once_it_is_open():
    with Model(MLX) as model:
        for options in ({"dtype": "float32"}, {"quantization": "q8_0"}, {"chat_template": "x"}, {"isa": "scalar"}):
            with pytest.raises(parallm.ArgumentError, match="the model is open already"):
                LLM(model, **options)
        with LLM(model, threads=1, dtype="auto") as llm:
            assert ids(llm.generate("x", GREEDY, use_tqdm=False))


def test_values_that_are_no_names(gemma, tmp_path):
    for use, message in (
        (lambda: LLM(None), "model: is None, wanted a path"),
        (lambda: LLM(MLX, chat_template=5), "chat_template: is 5, wanted str"),
        (lambda: LLM(MLX, tokenizer=object()), "tokenizer: is <object"),
        (lambda: LLM(MLX, enable_prefix_caching="no"), "enable_prefix_caching: is 'no', wanted True or False"),
        (lambda: LLM(MLX, progress=5), "progress: is 5"),
        (lambda: Tokenizer(5), "tokenizer: is 5"),
        (lambda: gemma.get_tokenizer().encode(None), "text: is None, wanted str"),
        (lambda: gemma.add_adapter("x", None), "adapter: is None"),
        (lambda: gemma.add_adapter(None, "x"), "adapter: is None"),
        (lambda: parallm.quantize(GEMMA, None, "q8_0"), "out_path: is None"),
        (lambda: parallm.quantize(GEMMA, tmp_path / "x", None), "type: is None"),
        (lambda: parallm.pull(GEMMA), "name: is PosixPath"),
    ):
        with pytest.raises(parallm.ArgumentError, match=message):
            use()


# ---- What Python does with objects


def test_names_of_objects():
    with LLM(MLX) as llm:
        assert repr(llm) == f"parallm.LLM({str(MLX)!r})" and repr(llm.engine) == f"parallm.Engine({str(MLX)!r})"
    assert "closed" in repr(llm) and "closed" in repr(llm.engine)


def test_handles_stay_in_their_process(gemma):
    for handle in (gemma, gemma.model, gemma.engine, gemma.get_tokenizer()):
        name = type(handle).__name__
        for use in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match=rf"parallm\.{name} can be neither copied nor sent"):
                use(handle)


def test_a_tokenizer_is_a_context():
    with Tokenizer(MLX) as tokenizer:
        assert tokenizer.encode("Hello")
    with pytest.raises(parallm.ClosedError):
        tokenizer.encode("Hello")


def test_asyncio(gemma):
    """Calls in threads share steps; the loop goes on meanwhile."""
    expected = ids(gemma.generate(WORDS, GREEDY, use_tqdm=False))

    async def ask():
        calls = [asyncio.to_thread(gemma.generate, word, GREEDY, use_tqdm=False) for word in WORDS]
        return [ids(outputs)[0] for outputs in await asyncio.gather(*calls)]

    assert asyncio.run(ask()) == expected


# ---- Bars


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_loading_says_so_on_a_terminal(monkeypatch):
    from parallm import _bar

    def loaded(progress):
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        Model(GEMMA, progress=progress).close()
        return stream.getvalue()

    assert loaded(None) == ""  # it takes no second
    monkeypatch.setattr(_bar, "_PATIENCE", 0)
    assert "loading" in loaded(None)
    assert "loading" in loaded(True)
    assert loaded(False) == ""
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)
    assert loaded(None) == ""


def test_tqdm_does_not_warn_of_a_notebook_without_widgets(monkeypatch, tmp_path):
    from parallm import _bar

    (tmp_path / "tqdm").mkdir()
    (tmp_path / "tqdm" / "__init__.py").touch()
    (tmp_path / "tqdm" / "auto.py").write_text("import warnings\ntqdm = 'a bar'\nwarnings.warn('IProgress not found')\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "tqdm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert _bar._tqdm() == "a bar"
    assert not heard
    for name in ("tqdm", "tqdm.auto"):
        del sys.modules[name]


def says(words, call):
    with pytest.raises(parallm.ArgumentError) as told:
        call()
    assert words in str(told.value)


def test_messages_name_what_was_given_and_what_is_wanted(loaded):
    model, tokenizer = loaded
    says("prompt: is ['Hello', 'Once upon a time', '1 2 3'], wanted a single one", lambda: generate(*loaded, WORDS))
    says("prompt: is 5, wanted a single one", lambda: generate(*loaded, 5))
    says("tokenizer: is None, wanted one", lambda: generate(model, None, "Hello"))
    says("tokenizer: is parallm.LLM(", lambda: generate(tokenizer, model, "Hello"))
    says("max_tokens: is 1.5, wanted int or None,", lambda: generate(*loaded, "Hello", max_tokens=1.5))
    says("seed: is -1, wanted 0 to 2^64 - 1", lambda: generate(*loaded, "Hello", seed=-1))
    says("top_k: is 4294967296, wanted -2^31 to 2^31 - 1", lambda: generate(*loaded, "Hello", top_k=2**32))
    says('quantization: is "awq", wanted q8_0', lambda: LLM(TINY, quantization="awq"))
    says("quantization: is 'q8_0', but the model is open", lambda: LLM(model.model, quantization="q8_0"))


def test_prompts_of_generate_that_are_one(loaded):
    expected = generate(*loaded, "Hello", max_tokens=4)
    ids_of = loaded[1].encode("Hello")
    assert generate(*loaded, ids_of, max_tokens=4) == generate(*loaded, np.array(ids_of), max_tokens=4) == expected
    assert generate(*loaded, tuple(ids_of), max_tokens=4) == expected
    assert generate(*loaded, [{"role": "user", "content": "Hello"}], max_tokens=4)


def test_ids_that_no_token_has_are_not_lost_in_silence(loaded):
    tokenizer = loaded[1]
    for wrong in (-1, tokenizer.vocab_size, 2**31 - 1):
        says(f"token_ids[1]: is {wrong}, which is no token of the vocabulary", lambda: tokenizer.decode([1, wrong]))


def test_help_tells_of_every_sampling_parameter():
    told = SamplingParams.__doc__
    assert not [field.name for field in dataclasses.fields(SamplingParams) if not re.search(rf"\b{field.name}\b", told)]
