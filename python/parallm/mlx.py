"""load, generate, batch_generate, stream_generate: the functions of mlx_parallm and mlx_lm, with their names and
meanings. `model` is an LLM. All that SamplingParams has may be given besides: n, seed, stop, penalties ..."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, overload

from .errors import ArgumentError, GenerationError
from .llm import LLM
from .outputs import RequestOutput
from .prompts import Read, is_ids, read
from .run import news, raise_if_failed
from .sampling import SamplingParams
from .tokenizer import Tokenizer


def load(
    path_or_hf_repo: str | os.PathLike[str],
    tokenizer_config: Mapping[str, Any] | None = None,
    model_config: Mapping[str, Any] | None = None,
    adapter_path: str | os.PathLike[str] | None = None,
    lazy: bool = False,
    **options: Any,
) -> tuple[LLM, Tokenizer]:
    """A model, with an adapter if there is one, and its tokenizer. `options` are LLM's. lazy changes nothing: weights
    are packed when the model is opened."""
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


def _params(max_tokens: int | None, options: dict[str, Any]) -> SamplingParams:
    """temp=0.0 and a repetition context of 20 tokens, as there; top_p=0 is off."""
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


def _read(tokenizer: Any, prompt: Any, format_prompt: bool) -> Read:
    """A prompt by the tokenizer that was given, ours or another one with the same methods."""
    if is_ids(prompt):
        return read(prompt, None)
    if not format_prompt or getattr(tokenizer, "chat_template", None) is None:
        if isinstance(tokenizer, Tokenizer):
            return read(prompt, tokenizer)
        return Read(prompt, read(list(tokenizer.encode(prompt)), None).tokens)
    conversation = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if isinstance(tokenizer, Tokenizer):
        return read(conversation, tokenizer)
    text = tokenizer.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
    return Read(text, read(list(tokenizer.encode(text, add_special_tokens=False)), None).tokens)


def _print_rates(n_prompt: int, n_generated: int, seconds: float) -> None:
    """Both over the time of all: prompts are read while other answers are written."""
    print(f"Prompt: {n_prompt / max(seconds, 1e-9):.3f} tokens-per-sec")
    print(f"Generation: {n_generated / max(seconds, 1e-9):.3f} tokens-per-sec")


def _texts(output: RequestOutput, i: int) -> Any:
    """The answer's text; of several samples, the list of theirs."""
    for answer in output.outputs:
        if answer.error is not None:
            raise GenerationError(f"prompts[{i}]: {answer.error}")
    texts = [answer.text for answer in output.outputs]
    return texts[0] if len(texts) == 1 else texts


def batch_generate(
    model: LLM,
    tokenizer: Any,
    prompts: Sequence[Any],
    max_tokens: int | Sequence[int] = 100,
    verbose: bool = False,
    format_prompts: bool = True,
    formatter: Callable[[str, float], object] | None = None,
    use_tqdm: Any = None,
    **options: Any,
) -> list[Any]:
    """The answers' texts, in the order of the prompts; with n > 1, a list of n texts for each.

    format_prompts: each prompt is what a user says, where the tokenizer has a chat template; otherwise, raw text.
    verbose: print rates, prompts and answers.
    use_tqdm: show a bar; None: where verbose and standard error is a terminal."""
    if use_tqdm is None:
        use_tqdm = verbose and sys.stderr.isatty()
    if verbose:
        print("=" * 10)
    limits = [max_tokens] * len(prompts) if isinstance(max_tokens, int) else list(max_tokens)
    params: Any = _params(limits[0] if limits else 0, options)
    if len(set(limits)) > 1 or len(limits) != len(prompts):
        params = [_params(limit, options) for limit in limits]
    begun = time.perf_counter()
    reads = [_read(tokenizer, prompt, format_prompts) for prompt in prompts]
    outputs = model.generate(reads, params, use_tqdm=use_tqdm)
    seconds = time.perf_counter() - begun
    texts = [_texts(output, i) for i, output in enumerate(outputs)]
    if verbose:
        n_generated = sum(len(answer.token_array) for output in outputs for answer in output.outputs)
        _print_rates(sum(len(r.tokens) for r in reads), n_generated, seconds)
        for prompt, text in zip(prompts, texts):
            print("=" * 10)
            print("Prompt:", prompt)
            print(text)
    return texts


@overload
def stream_generate(
    model: LLM, tokenizer: Any, prompt: str, max_tokens: int = 100, *, format_prompts: bool = False, **options: Any
) -> Iterator[str]: ...
@overload
def stream_generate(
    model: LLM,
    tokenizer: Any,
    prompt: Sequence[Any],
    max_tokens: int = 100,
    *,
    format_prompts: bool = False,
    **options: Any,
) -> Iterator[Any]: ...
def stream_generate(
    model: LLM,
    tokenizer: Any,
    prompt: Any,
    max_tokens: int = 100,
    *,
    format_prompts: bool = False,
    **options: Any,
) -> Iterator[Any]:
    """Of one prompt, pieces of text as they come; of a list of prompts, (index, piece) of all at once."""
    one = isinstance(prompt, str) or is_ids(prompt)
    reads = [_read(tokenizer, p, format_prompts) for p in ([prompt] if one else prompt)]
    pieces = model.stream(reads, _params(max_tokens, options))
    if not one:
        return pieces
    if options.get("n", 1) != 1:
        raise ArgumentError("n: is more than 1 for a stream of one text, wanted [prompt]")
    return (text for _, text in pieces)


def generate(
    model: LLM,
    tokenizer: Any,
    prompt: Any,
    max_tokens: int = 100,
    verbose: bool = False,
    formatter: Callable[[str, float], object] | None = None,
    **options: Any,
) -> Any:
    """The answer's text to a raw prompt. verbose: print it as it comes, through `formatter` (piece, probability)
    if there is one, and the rates."""
    if not verbose:
        return batch_generate(model, tokenizer, [prompt], max_tokens, format_prompts=False, **options)[0]
    print("=" * 10)
    print("Prompt:", prompt)
    prompt_read, begun, pieces = _read(tokenizer, prompt, False), time.perf_counter(), []
    params = _params(max_tokens, options)
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
