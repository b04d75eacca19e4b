"""load, generate, batch_generate, stream_generate: the functions of mlx_parallm and mlx_lm, with their names and
meanings. `model` is an LLM. All that SamplingParams has may be given besides: n, seed, stop, penalties ..."""

from __future__ import annotations

import math
import os
import reprlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, overload

import numpy as np

from ._bar import someone_watches
from .errors import ArgumentError, GenerationError, of_prompt, unexpected
from .llm import LLM
from .outputs import RequestOutput
from .prompts import ForEach, Read, each, is_ids, is_one, read
from .run import news, raise_if_failed
from .sampling import SamplingParams
from .tokenizer import Message, Tokenizer


def load(
    path_or_hf_repo: str | os.PathLike[str],
    tokenizer_config: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    adapter_path: str | os.PathLike[str] | None = None,
    lazy: bool = False,
    **options: Any,
) -> tuple[LLM, Tokenizer]:
    """A model, with an adapter if there is one, and its tokenizer.

    path_or_hf_repo: a .gguf file, a folder with config.json, or a Hugging Face name.
    tokenizer_config: may have "chat_template" (Jinja); "trust_remote_code" is ignored. model_config: must be empty.
    adapter_path: the folder of a low-rank adapter, which all prompts get.
    lazy: changes nothing: weights are packed when the model is opened.
    options: LLM's."""
    template = dict(tokenizer_config or {})
    template.pop("trust_remote_code", None)  # no code is ever run
    if "chat_template" in template:
        options["chat_template"] = template.pop("chat_template")
    for name, config in (("tokenizer_config", template), ("model_config", dict(model_config or {}))):
        if config:
            raise ArgumentError(f"{name}: has {', '.join(map(repr, config))}, which cannot be overruled")
    model = LLM(path_or_hf_repo, **options)
    if adapter_path is not None:
        model.add_adapter("adapter", adapter_path)
        model.default_adapter = "adapter"
    return model, model.get_tokenizer()


_KNOWN = {"temp", *(field.name for field in fields(SamplingParams))}


def _params(function: str, max_tokens: int | None, options: dict[str, Any]) -> SamplingParams:
    """temp=0.0 and a repetition context of 20 tokens, as there; top_p=0 is off."""
    for name in options:
        if name not in _KNOWN:
            raise unexpected(function, name, _KNOWN)
    options = dict(options)
    temperature = options.pop("temp", None)
    options.setdefault("temperature", 0.0 if temperature is None else temperature)
    penalty = options.get("repetition_penalty")
    if penalty is None:
        options.pop("repetition_penalty", None)
    elif options.get("repetition_context_size", 20) is not None:
        options.setdefault("repetition_context_size", 20)
    options["repetition_context_size"] = options.get("repetition_context_size") or 0
    if options.get("top_p") == 0:
        options["top_p"] = 1.0
    return SamplingParams(max_tokens=max_tokens, **options)


def _read(tokenizer: Any, prompt: Any, format_prompt: bool, i: int = 0) -> Read:
    """A prompt by the tokenizer that was given, ours or another one with the same methods."""
    if not hasattr(tokenizer, "encode") or isinstance(tokenizer, LLM):
        raise ArgumentError(f"tokenizer: is {reprlib.repr(tokenizer)}, wanted one, as load gives")
    if format_prompt and isinstance(prompt, str) and getattr(tokenizer, "chat_template", None) is not None:
        prompt = [{"role": "user", "content": prompt}]
    if isinstance(tokenizer, Tokenizer) or is_ids(prompt):
        return read(prompt, tokenizer, f"prompts[{i}]")
    if isinstance(prompt, str):
        return Read(prompt, read(list(tokenizer.encode(prompt)), None).tokens)
    text = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    return Read(text, read(list(tokenizer.encode(text, add_special_tokens=False)), None).tokens)


def _print_rates(n_prompt: int, n_generated: int, seconds: float) -> None:
    """Both over the time of all: prompts are read while other answers are written."""
    print(f"Prompt: {n_prompt / max(seconds, 1e-9):.3f} tokens-per-sec")
    print(f"Generation: {n_generated / max(seconds, 1e-9):.3f} tokens-per-sec")


def _texts(output: RequestOutput, i: int) -> Any:
    """The answer's text; of several samples, the list of theirs."""
    for answer in output.outputs:
        if answer.error is not None:
            raise of_prompt(i, GenerationError(answer.error))
    texts = [answer.text for answer in output.outputs]
    return texts[0] if len(texts) == 1 else texts


@overload
def batch_generate(
    model: LLM,
    tokenizer: Any,
    prompts: Iterable[Any],
    max_tokens: int | None | Iterable[int | None] = 100,
    verbose: bool = False,
    format_prompts: bool = True,
    formatter: Callable[[str, float], object] | None = None,
    use_tqdm: Any = None,
    *,
    n: Literal[1] = 1,
    **options: Any,
) -> list[str]: ...
@overload
def batch_generate(
    model: LLM,
    tokenizer: Any,
    prompts: Iterable[Any],
    max_tokens: int | None | Iterable[int | None] = 100,
    verbose: bool = False,
    format_prompts: bool = True,
    formatter: Callable[[str, float], object] | None = None,
    use_tqdm: Any = None,
    *,
    n: int,
    **options: Any,
) -> list[Any]: ...
def batch_generate(
    model: LLM,
    tokenizer: Any,
    prompts: Iterable[Any],
    max_tokens: int | None | Iterable[int | None] = 100,
    verbose: bool = False,
    format_prompts: bool = True,
    formatter: Callable[[str, float], object] | None = None,
    use_tqdm: Any = None,
    **options: Any,
) -> list[Any]:
    """The answers' texts, in the order of the prompts; with n > 1, a list of n texts for each.

    prompts: texts, or any other form that LLM.generate takes.
    max_tokens: for all, or one for each; None: to the end of the model's context.
    verbose: print rates, prompts and answers.
    format_prompts: each text is what a user says, where the tokenizer has a chat template; otherwise, raw text.
    formatter: accepted as there, and not used.
    use_tqdm: show a bar; None: where verbose and standard error is a terminal.
    options: temp, and all fields of SamplingParams (top_p, n, seed, stop, repetition_penalty ...)."""
    if use_tqdm is None:
        use_tqdm = verbose and someone_watches()
    if verbose:
        print("=" * 10)
    given = list(each(prompts))
    limits = ForEach("max_tokens", max_tokens, (int, np.integer, type(None)))
    every = [_params("batch_generate", limits.take(i), options) for i in range(1 if limits.is_shared else len(given))]
    limits.end(len(given))
    begun = time.perf_counter()
    reads = [_read(tokenizer, prompt, format_prompts, i) for i, prompt in enumerate(given)]
    outputs = model.generate(reads, every[0] if limits.is_shared else every, use_tqdm=use_tqdm)
    seconds = time.perf_counter() - begun
    texts = [_texts(output, i) for i, output in enumerate(outputs)]
    if verbose:
        n_generated = sum(len(answer.token_array) for output in outputs for answer in output.outputs)
        _print_rates(sum(len(r.tokens) for r in reads), n_generated, seconds)
        for prompt, text in zip(given, texts):
            print("=" * 10)
            print("Prompt:", prompt)
            print(text)
    return texts


@overload
def stream_generate(
    model: LLM,
    tokenizer: Any,
    prompt: str | Sequence[int] | Sequence[Message],
    max_tokens: int | None = 100,
    *,
    format_prompts: bool = False,
    **options: Any,
) -> Iterator[str]: ...
@overload
def stream_generate(
    model: LLM,
    tokenizer: Any,
    prompt: Iterable[Any],
    max_tokens: int | None = 100,
    *,
    format_prompts: bool = False,
    **options: Any,
) -> Iterator[tuple[int, str]]: ...
def stream_generate(
    model: LLM,
    tokenizer: Any,
    prompt: Any,
    max_tokens: int | None = 100,
    *,
    format_prompts: bool = False,
    **options: Any,
) -> Iterator[Any]:
    """Of one prompt, pieces of text as they come; of a list of prompts, (index, piece) of all at once.

    format_prompts: a text is what a user says, rather than raw text. options: as batch_generate's."""
    one = is_one(prompt)
    params = _params("stream_generate", max_tokens, options)
    pieces = model.stream([_read(tokenizer, p, format_prompts, i) for i, p in enumerate(each(prompt))], params)
    if not one:
        return pieces
    if options.get("n", 1) != 1:
        raise ArgumentError("n: is more than 1 for a stream of one text, wanted [prompt]")
    return (text for _, text in pieces)


@overload
def generate(
    model: LLM,
    tokenizer: Any,
    prompt: Any,
    max_tokens: int | None = 100,
    verbose: bool = False,
    formatter: Callable[[str, float], object] | None = None,
    *,
    format_prompts: bool = False,
    n: Literal[1] = 1,
    **options: Any,
) -> str: ...
@overload
def generate(
    model: LLM,
    tokenizer: Any,
    prompt: Any,
    max_tokens: int | None = 100,
    verbose: bool = False,
    formatter: Callable[[str, float], object] | None = None,
    *,
    format_prompts: bool = False,
    n: int,
    **options: Any,
) -> Any: ...
def generate(
    model: LLM,
    tokenizer: Any,
    prompt: Any,
    max_tokens: int | None = 100,
    verbose: bool = False,
    formatter: Callable[[str, float], object] | None = None,
    *,
    format_prompts: bool = False,
    **options: Any,
) -> Any:
    """The answer's text to a prompt; with n > 1, a list of n texts.

    verbose: print it as it comes, through `formatter` (piece, probability) if there is one, and the rates.
    format_prompts: a text is what a user says, rather than raw text. options: as batch_generate's."""
    params = _params("generate", max_tokens, options)
    if isinstance(prompt, (int, np.integer)) or isinstance(prompt, (list, tuple)) and prompt and not is_one(prompt):
        raise ArgumentError(f"prompt: is {reprlib.repr(prompt)}, wanted a single one (batch_generate takes several)")
    if not verbose or params.n != 1:
        return batch_generate(model, tokenizer, [prompt], max_tokens, verbose, format_prompts, **options)[0]
    print("=" * 10)
    print("Prompt:", prompt)
    prompt_read, begun, pieces = _read(tokenizer, prompt, format_prompts), time.perf_counter(), []
    if formatter is not None and params.logprobs is None:
        params.logprobs = 0
    run = model._run(model._tasks([prompt_read], params, None, 0))
    n = 0
    with run.samples() as samples:
        for sample in samples:
            for token in news(sample):
                n += token.token >= 0
                pieces.append(token.text)
                _show(token.text.decode("utf-8", "replace"), math.exp(token.logprob), formatter)
            if run.count(sample):
                raise_if_failed(sample.job)
    seconds = time.perf_counter() - begun
    print(flush=True)
    print("=" * 10)
    _print_rates(len(prompt_read.tokens), n, seconds)
    return b"".join(pieces).decode("utf-8", "replace")


def _show(piece: str, probability: float, formatter: Callable[[str, float], object] | None) -> None:
    if formatter is not None and piece:
        formatter(piece, probability)
    elif piece:
        print(piece, end="", flush=True)
