"""What comes of a request, in vLLM's shapes. Lists and dictionaries are made when they are looked at; what is kept
are arrays, which the fields that end in _array give away without a copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, overload

import numpy as np

from .errors import ArgumentError, ClosedError, ForkError
from .tokenizer import Tokenizer

# A pllm_top, and a token with what was asked about it.
TOP = np.dtype([("token", np.int32), ("logprob", np.float32)])


@dataclass(frozen=True)
class Logprob:
    """rank: 1 is the most probable; None: below the ones that were asked for. decoded_token: None after the model was
    closed, without a tokenizer, or for an id that its vocabulary lacks."""

    logprob: float
    rank: int | None = None
    decoded_token: str | None = None


class Logprobs(Sequence[dict[int, Logprob]]):
    """For each token {id: Logprob} of the most probable ones and of itself. `first`: how many have none (None).

    The same as arrays: token_ids and logprobs, one for each token; top, one array of (token, logprob) for each."""

    __slots__ = ("token_ids", "logprobs", "top", "first", "_tokenizer", "_texts")

    def __init__(
        self,
        token_ids: np.ndarray,
        logprobs: np.ndarray,
        top: list[np.ndarray],
        tokenizer: Tokenizer | None,
        first: int = 0,
    ) -> None:
        self.token_ids = token_ids
        self.logprobs = logprobs
        self.top = top
        self.first = first
        self._tokenizer = tokenizer
        self._texts: dict[int, str | None] = {}

    def __reduce__(self) -> Any:
        """Another process has no tokenizer: texts are looked up before the journey."""
        ids = {int(t) for top in self.top for t in top["token"]} | set(self.token_ids.tolist())
        texts = {token: self._text(token) for token in ids}
        return _without_tokenizer, (self.token_ids, self.logprobs, self.top, self.first, texts)

    def __len__(self) -> int:
        return self.first + len(self.logprobs)

    @overload
    def __getitem__(self, at: int) -> dict[int, Logprob]: ...
    @overload
    def __getitem__(self, at: slice) -> list[dict[int, Logprob]]: ...
    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        i = at + len(self) if at < 0 else at
        if not 0 <= i < len(self):
            raise IndexError(f"token {at} of {len(self)}")
        return self._entry(i - self.first) if i >= self.first else None

    def _entry(self, i: int) -> dict[int, Logprob]:
        ranked = zip(self.top[i]["token"].tolist(), self.top[i]["logprob"].tolist())
        found = {t: Logprob(x, rank, self._text(t)) for rank, (t, x) in enumerate(ranked, 1)}
        token = int(self.token_ids[i])
        if token not in found:
            found[token] = Logprob(float(self.logprobs[i]), None, self._text(token))
        return found

    def _text(self, token: int) -> str | None:
        if token not in self._texts and self._tokenizer is not None:
            try:
                self._texts[token] = self._tokenizer.decode([token])
            except (ArgumentError, ClosedError, ForkError):
                return None
        return self._texts.get(token)

    def __iter__(self) -> Iterator[dict[int, Logprob]]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other))

    def __repr__(self) -> str:
        return f"Logprobs({list(self)!r})" if len(self) <= 4 else f"Logprobs(of {len(self)} tokens)"


def _without_tokenizer(
    token_ids: np.ndarray, logprobs: np.ndarray, top: list[np.ndarray], first: int, texts: dict[int, str | None]
) -> Logprobs:
    made = Logprobs(token_ids, logprobs, top, None, first)
    made._texts = texts
    return made


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and np.array_equal(a, b)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


class _Fields:
    """Equality of dataclasses that have arrays."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))  # type: ignore[arg-type]


@dataclass(eq=False)
class CompletionOutput(_Fields):
    """One answer."""

    index: int
    text: str
    token_array: np.ndarray
    cumulative_logprob: float
    logprobs: Logprobs | None
    finish_reason: str | None
    stop_reason: int | str | None
    seed: int = 0
    error: str | None = None

    @property
    def token_ids(self) -> list[int]:
        ids: list[int] = self.token_array.tolist()
        return ids

    def finished(self) -> bool:
        return self.finish_reason is not None


@dataclass(eq=False)
class RequestOutput(_Fields):
    """A prompt and its answers."""

    request_id: str
    prompt: str | None
    prompt_array: np.ndarray
    prompt_logprobs: Logprobs | None
    outputs: list[CompletionOutput]
    finished: bool = True
    num_cached_tokens: int = 0
    lora_request: Any = None

    @property
    def prompt_token_ids(self) -> list[int]:
        ids: list[int] = self.prompt_array.tolist()
        return ids


@dataclass(eq=False)
class ScoreOutput(_Fields):
    """Log-probabilities of a given text. logprobs[i] is that of token_array[start + i]."""

    token_array: np.ndarray
    start: int
    logprobs: np.ndarray
    sum_logprob: float
    is_greedy: bool
    top: list[np.ndarray]
    tokens: list[str | None]

    @property
    def token_ids(self) -> list[int]:
        ids: list[int] = self.token_array.tolist()
        return ids
