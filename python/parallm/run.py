"""A run: requests are fed to the engine from an iterator, a window of them at a time, and come back as they grow."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

import numpy as np

from .engine import FINISH_REASONS, Engine, Job, Sample, Task, Token
from .errors import GenerationError, ParallmError, of_prompt
from .outputs import TOP, CompletionOutput, Logprobs, RequestOutput
from .tokenizer import Tokenizer

_LEAST_WINDOW = 2048  # answers under way or waiting
_AT_ONCE = 256  # submitted between two steps, so that computing begins before the window is full


class Run:
    """Iterating over its samples computes step after step. What is left when that ends early is cancelled."""

    def __init__(self, engine: Engine, tasks: Iterable[Task], max_num_seqs: int) -> None:
        self._engine = engine
        self._tasks = iter(tasks)
        self._ended = False
        self._window = max(_LEAST_WINDOW, 4 * max_num_seqs)
        self._touched: deque[Sample] = deque()
        self._live: dict[int, Job] = {}
        self._pending = 0
        self._count = 0
        self.prompt_tokens = 0

    def samples(self) -> closing[Generator[Sample, None, None]]:
        """Samples that something happened to: `tokens` from `read` on are new; `finish` is set at the end. A context,
        because an exception's traceback would keep a generator, and with it the requests, alive."""
        return closing(self._samples())

    def _samples(self) -> Generator[Sample, None, None]:
        try:
            while True:
                self._feed()
                if not self._live:
                    return
                self._engine.step()
                while self._touched:
                    yield self._touched.popleft()
        finally:
            self._engine.dropped.append(self._live)

    def finished(self) -> Iterator[Job]:
        """Jobs of which all answers are complete, in the order of finishing."""
        with self.samples() as samples:
            for sample in samples:
                if self.count(sample):
                    yield sample.job

    def count(self, sample: Sample) -> bool:
        """Notes the end of an answer; true for the last one of its job."""
        if sample.finish is None or sample.counted:
            return False
        job = sample.job
        sample.counted = True
        self._pending -= 1
        job.left -= 1
        if job.left:
            return False
        self._engine.forget(job)
        self._live.pop(job.index, None)
        return True

    def _feed(self) -> None:
        for _ in range(_AT_ONCE):
            if self._ended or (self._live and self._pending >= self._window):
                return
            task = next(self._tasks, None)
            if task is None:
                self._ended = True
                return
            job = Job(self._count, task, self._touched)
            self._live[job.index] = job
            try:
                self._engine.submit(job)
            except ParallmError as wrong:
                del self._live[job.index]
                raise of_prompt(job.index, wrong) from None
            self._count += 1
            self._pending += job.left
            self.prompt_tokens += len(task.tokens)


# ---- What comes of it


def news(sample: Sample) -> list[Token]:
    """Its tokens that were not read yet; the text that was held back to the end comes as one without a number."""
    tokens = sample.tokens[sample.read :]
    sample.read = len(sample.tokens)
    if sample.finish and not sample.counted and sample.finish.text:
        tokens.append(Token(-1, sample.finish.text, 0.0, b"", False))
    return tokens


def answer_text(sample: Sample) -> str:
    pieces = [t.text for t in sample.tokens]
    if sample.finish:
        pieces.append(sample.finish.text)
    return b"".join(pieces).decode("utf-8", "replace")


def _logprobs(tokens: list[Token], tokenizer: Tokenizer | None, first: int = 0) -> Logprobs:
    n = len(tokens)
    return Logprobs(
        np.fromiter((t.token for t in tokens), np.int32, n),
        np.fromiter((t.logprob for t in tokens), np.float32, n),
        [np.frombuffer(t.top, TOP) for t in tokens],
        tokenizer,
        first,
    )


def completion(sample: Sample, tokenizer: Tokenizer | None) -> CompletionOutput:
    """The answer of a finished sample."""
    finish, request = sample.finish, sample.job.task.request
    assert finish is not None
    stop_reason: int | str | None = None
    if 0 <= finish.stop_index < len(request.stop):
        stop_reason = request.stop[finish.stop_index]
    elif finish.stop_token >= 0:
        stop_reason = finish.stop_token
    reason = FINISH_REASONS[finish.finish]
    return CompletionOutput(
        index=sample.index,
        text=answer_text(sample),
        token_array=np.fromiter((t.token for t in sample.tokens), np.int32, len(sample.tokens)),
        cumulative_logprob=finish.cumulative_logprob,
        logprobs=_logprobs(sample.tokens, tokenizer) if request.c.logprobs >= 0 else None,
        finish_reason=reason,
        stop_reason=stop_reason,
        seed=finish.seed,
        error=finish.error,
    )


def output(job: Job, tokenizer: Tokenizer | None, request_id: str) -> RequestOutput:
    """The answers of a finished job."""
    first, task = job.samples[0].finish, job.task
    assert first is not None
    scored = task.request.c.prompt_logprobs >= 0
    return RequestOutput(
        request_id=request_id,
        prompt=task.prompt,
        prompt_array=task.tokens,
        prompt_logprobs=_logprobs(job.prompt_events, tokenizer, job.first_scored) if scored else None,
        outputs=[completion(s, tokenizer) for s in job.samples],
        num_cached_tokens=first.cached_tokens,
        lora_request=task.lora,
    )


def raise_if_failed(job: Job) -> None:
    for sample in job.samples:
        if sample.finish and sample.finish.error:
            raise of_prompt(job.index, GenerationError(sample.finish.error))
