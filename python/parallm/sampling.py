"""SamplingParams, in vLLM's names, and what they are as a pllm_request."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ._ffi import c_text, call, ffi, lib, set_field, token_array, tokens_pointer
from .errors import ArgumentError
from .model import Model
from .tokenizer import Tokenizer

_NO_LIMIT = 2**31 - 1


@dataclass
class SamplingParams:
    """How answers are drawn and where they end. Defaults are vLLM's; the command's differ (temperature 0, 128 tokens).

    n: answers to each prompt. seed: None: a fresh one. max_tokens: None: to the end of the model's context.
    temperature: 0: always the most probable token. top_k: 0 or -1: off. top_p, typical_p: 1: off. min_p: 0: off.
    presence_penalty, frequency_penalty: of tokens in the answer; 0: off. repetition_penalty: of tokens in prompt or answer; 1:
        off. repetition_context_size: of the last so many tokens only; 0: of all.
    stop: strings that end the answer, and are left out of it (include_stop_str_in_output: not). stop_token_ids: tokens
        that do. ignore_eos: the model's own end does not. min_tokens: nothing does before.
    logprobs: log-probabilities of each token and of so many of the most probable ones; -1: of all. prompt_logprobs: the same
        of the prompt. processed_logprobs: of the distribution that was drawn from, not of the model's own.
    skip_special_tokens: leave them out of the text. truncate_prompt_tokens: read the last so many tokens of a prompt;
        -1: as many as leave room for max_tokens.
    logit_bias: {token id: what is added to its logit}. allowed_token_ids: no others. bad_words: never.
    xtc_probability, xtc_threshold: how often all but the last of the tokens above the threshold are left out; 0: off.
    dry_multiplier: how much a token's logit loses that goes on with a repetition of dry_allowed_length tokens, times dry_base
        for each further one; 0: off. dry_range: within the last so many tokens; 0: all. dry_breakers: tokens that end one.
    first_sample: number of the first answer: sample i alone has n=1, first_sample=i and the same seed.
    cache_salt: prompts share what was computed only with those of the same salt."""

    n: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    stop: str | Sequence[str] | None = None
    stop_token_ids: Sequence[int] | None = None
    ignore_eos: bool = False
    max_tokens: int | None = 16
    min_tokens: int = 0
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    skip_special_tokens: bool = True
    include_stop_str_in_output: bool = False
    truncate_prompt_tokens: int | None = None
    logit_bias: Mapping[int, float] | None = None
    allowed_token_ids: Sequence[int] | None = None
    bad_words: str | Sequence[str] | None = None

    typical_p: float = field(default=1.0, kw_only=True)
    repetition_context_size: int = field(default=0, kw_only=True)
    xtc_probability: float = field(default=0.0, kw_only=True)
    xtc_threshold: float = field(default=0.1, kw_only=True)
    dry_multiplier: float = field(default=0.0, kw_only=True)
    dry_base: float = field(default=1.75, kw_only=True)
    dry_allowed_length: int = field(default=2, kw_only=True)
    dry_range: int = field(default=0, kw_only=True)
    dry_breakers: Sequence[int] | None = field(default=None, kw_only=True)
    first_sample: int = field(default=0, kw_only=True)
    processed_logprobs: bool = field(default=False, kw_only=True)
    cache_salt: str | None = field(default=None, kw_only=True)

    def clone(self, **changes: Any) -> SamplingParams:
        return replace(self, **changes)

    @classmethod
    def of_model(cls, model: Model) -> SamplingParams:
        """What the model's makers recommend: its generation_config.json over the defaults."""
        told = cls()
        c = ffi.new("pllm_request *", lib.pllm_request_default())
        for name in _SAMPLING:
            set_field(c.sampling, name, getattr(told, name))
        c.max_tokens = 0
        with model._handle.use() as handle:
            call(lib.pllm_model_generation, handle, c)
        numbers = {name: getattr(c.sampling, name) for name in _SAMPLING}
        rounded = {name: float(f"{x:.7g}") if isinstance(x, float) else x for name, x in numbers.items()}  # they were float32
        return told.clone(**rounded, max_tokens=c.max_tokens or told.max_tokens)

    @property
    def stop_list(self) -> list[str]:
        return _texts(self.stop, "stop")


def _texts(given: Any, name: str) -> list[Any]:
    """A text or several, as a list."""
    if given is None or isinstance(given, str):
        return [] if given is None else [given]
    if not isinstance(given, Iterable):
        raise ArgumentError(f"{name}: is {reprlib.repr(given)}, wanted a string or several")
    return list(given)


_SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repetition_penalty",
    "repetition_context_size",
    "presence_penalty",
    "frequency_penalty",
    "xtc_probability",
    "xtc_threshold",
    "dry_multiplier",
    "dry_base",
    "dry_allowed_length",
    "dry_range",
)
_REQUEST = ("n", "first_sample", "min_tokens", "ignore_eos", "processed_logprobs")


class Request:
    """A pllm_request made of SamplingParams, but for its prompt; one serves any number of prompts."""

    def __init__(self, params: SamplingParams, tokenizer: Tokenizer | None, vocab_size: int) -> None:
        self.params = params
        self.stop = params.stop_list
        self.c = ffi.new("pllm_request *", lib.pllm_request_default())
        self._kept: list[Any] = []
        self._set_numbers(params, vocab_size)
        self._set_stop()
        self._set_tokens(self.c, "stop_tokens", params.stop_token_ids, "stop_token_ids")
        sampling = self.c.sampling
        self._set_tokens(sampling, "allowed_tokens", params.allowed_token_ids, "allowed_token_ids")
        self._set_tokens(sampling, "dry_breakers", params.dry_breakers, "dry_breakers")
        if params.allowed_token_ids is not None and sampling.n_allowed_tokens == 0:  # would mean: all
            raise ArgumentError("allowed_token_ids: is empty, wanted at least one token")
        self._set_bias(params.logit_bias or {})
        self._set_bad_words(_texts(params.bad_words, "bad_words"), tokenizer)
        if params.cache_salt is not None:
            self.c.cache_salt = self._keep(ffi.new("char[]", c_text(params.cache_salt, "cache_salt")))

    def _keep(self, memory: Any) -> Any:
        self._kept.append(memory)
        return memory

    def _set_numbers(self, params: SamplingParams, vocab_size: int) -> None:
        for name in _SAMPLING:
            set_field(self.c.sampling, name, getattr(params, name))
        for name in _REQUEST:
            set_field(self.c, name, getattr(params, name))
        set_field(self.c, "max_tokens", _NO_LIMIT if params.max_tokens is None else params.max_tokens)
        set_field(self.c, "include_stop", params.include_stop_str_in_output, "include_stop_str_in_output")
        self.c.show_special = not params.skip_special_tokens
        for name in ("logprobs", "prompt_logprobs"):
            count = getattr(params, name)
            if count is not None:  # vLLM's -1 asks for the whole vocabulary
                set_field(self.c, name, vocab_size if count == -1 else count)
        if params.seed is not None:
            set_field(self.c.sampling, "seed", params.seed)
            self.c.sampling.has_seed = True

    def _set_stop(self) -> None:
        texts = [c_text(stop, f"stop[{i}]") for i, stop in enumerate(self.stop)]
        if not all(texts):
            raise ArgumentError(f"stop[{texts.index(b'')}]: wanted a string that is not empty")
        pointers = [self._keep(ffi.new("char[]", text)) for text in texts]
        self.c.stop = self._keep(ffi.new("const char *[]", pointers))
        self.c.n_stop = len(pointers)

    def _set_tokens(self, struct: Any, name: str, tokens: Sequence[int] | None, field_name: str) -> None:
        if tokens is not None:
            array = token_array(tokens, field_name)
            setattr(struct, name, self._keep(tokens_pointer(array)))
            setattr(struct, "n_" + name, len(array))

    def _set_bias(self, bias: Mapping[int, float]) -> None:
        try:
            pairs = [(int(token), float(x)) for token, x in bias.items()]
            self.c.sampling.logit_bias = self._keep(ffi.new("pllm_bias[]", pairs))
        except (TypeError, ValueError, OverflowError, AttributeError):
            raise ArgumentError("logit_bias: wanted token ids and numbers, as {5: -100}") from None
        self.c.sampling.n_logit_bias = len(pairs)

    def _set_bad_words(self, words: Sequence[str], tokenizer: Tokenizer | None) -> None:
        """A word has other tokens at the beginning of a text, after a space, and in some vocabularies behind other
        letters: all are banned. Blanks before it do not count."""
        sequences: list[list[int]] = []
        for i, word in enumerate(words):
            if not isinstance(word, str) or not word:
                raise ArgumentError(f"bad_words[{i}]: wanted a string that is not empty")
            if tokenizer is None:
                raise ArgumentError("bad_words: the model has no tokenizer")
            forms: list[list[int]] = []
            for before in ("", " ", "\n"):
                tokens = _added(tokenizer, before, word.lstrip(" ") or word)
                if tokens and tokens not in forms:
                    forms.append(tokens)
            sequences += forms
        sampling = self.c.sampling
        sampling.bad_words = self._keep(ffi.new("int32_t[]", [t for s in sequences for t in s]))
        sampling.bad_word_lengths = self._keep(ffi.new("size_t[]", [len(s) for s in sequences]))
        sampling.n_bad_words = len(sequences)


def _added(tokenizer: Tokenizer, before: str, word: str) -> list[int]:
    """The tokens that `word` adds to those of `before`, where they begin with these; else none."""
    tokens = tokenizer.encode(before + word, add_special_tokens=False, parse_special=False)
    start = tokenizer.encode(before, add_special_tokens=False, parse_special=False) if before else []
    return tokens[len(start) :] if tokens[: len(start)] == start else []
