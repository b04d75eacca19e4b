"""The engine: requests in, steps, events to whoever submitted. Runs of several callers share its steps.

Python may interrupt between any two instructions, by Ctrl-C or by the garbage collector. Hence an event is taken by
a single append and told apart by its position, so that what an interrupt left over is taken before the next step,
nothing twice; runs that end early, and finalizers among them, never call into the engine: they leave their wish in a
queue; and the lock is taken by `with` alone, which no interrupt can part from its release."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ._ffi import c_text, call, fail, ffi, lib, path_bytes, set_field, text_bytes, tokens_pointer
from ._handle import Handle, Owner
from .errors import BusyError, ParallmError, of_prompt
from .model import Model, dtype_of, plain
from .sampling import Request

_PROMPT, _TOKEN, _FINISH = lib.PLLM_EVENT_PROMPT, lib.PLLM_EVENT_TOKEN, lib.PLLM_EVENT_FINISH
FINISH_REASONS = {lib.PLLM_FINISH_STOP: "stop", lib.PLLM_FINISH_LENGTH: "length", lib.PLLM_FINISH_ERROR: "error"}


class Task(NamedTuple):
    """A request that was read, but not submitted yet. lora: what the caller named its adapter by."""

    prompt: str | None
    tokens: np.ndarray
    request: Request
    adapter: str | None = None
    priority: int = 0
    lora: Any = None

    def complete(self) -> tuple[Any, Any]:
        """Its pllm_request, and what has to live while that is used."""
        c = self.request.c
        name = ffi.NULL if self.adapter is None else ffi.new("char[]", text_bytes(self.adapter))
        pointer = tokens_pointer(self.tokens)
        c.tokens, c.n_tokens, c.adapter = pointer, len(pointer), name
        set_field(c, "priority", self.priority)
        return c, (pointer, name)


class Token(NamedTuple):
    """A TOKEN or PROMPT event."""

    token: int
    text: bytes
    logprob: float
    top: bytes  # of pllm_top
    is_greedy: bool


class Finish(NamedTuple):
    """A FINISH event."""

    finish: int
    text: bytes
    stop_token: int
    stop_index: int
    seed: int
    cached_tokens: int
    cumulative_logprob: float
    error: str | None


class Sample:
    """One answer as it grows; `read` and `counted` are its run's."""

    __slots__ = ("job", "index", "tokens", "finish", "read", "counted")

    def __init__(self, job: Job, index: int) -> None:
        self.job = job
        self.index = index
        self.tokens: list[Token] = []
        self.finish: Finish | None = None
        self.read = 0
        self.counted = False


class Job:
    """A request under way. `touched` is where samples are put that something happened to."""

    __slots__ = (
        "id", "index", "task", "prompt_events", "first_scored", "samples", "left", "touched"
    )  # fmt: skip

    def __init__(self, index: int, task: Task, touched: deque[Sample]) -> None:
        self.id = 0
        self.index = index
        self.task = task
        self.prompt_events: list[Token] = []
        self.first_scored = max(1, task.request.c.prompt_logprobs_from)
        first = task.request.params.first_sample
        self.samples = [Sample(self, first + i) for i in range(task.request.c.n)]
        self.left = len(self.samples)
        self.touched = touched


@dataclass(frozen=True)
class Plan:
    """What a run will need: memory in bytes, of it the KV cache in blocks, and the limits as they were resolved."""

    weight_bytes: int
    kv_cache_bytes: int
    scratch_bytes: int
    other_bytes: int
    peak_bytes: int
    kv_bytes_per_sequence: int
    available_bytes: int
    kv_blocks: int
    kv_block_tokens: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    sequences_that_fit: int


@dataclass(frozen=True)
class Stats:
    """Counts since the engine was opened."""

    running: int
    waiting: int
    max_running: int
    max_num_seqs: int
    blocks_total: int
    blocks_used: int
    blocks_shared: int
    blocks_cached: int
    block_tokens: int
    steps: int
    rows: int
    preemptions: int
    prompt_tokens: int
    prefill_tokens_computed: int
    cached_tokens: int
    completion_tokens: int
    finished: int
    cancelled: int
    step_seconds: float


class Engine(Owner):
    """Sequences, KV cache, scheduler. Threads may share it: they take turns, and a step serves all of them."""

    def __init__(
        self,
        model: Model,
        *,
        threads: int = 0,
        max_num_seqs: int = 0,
        max_num_batched_tokens: int = 0,
        max_model_len: int = 0,
        kv_cache_dtype: object = "auto",
        kv_cache_memory: int = 0,
        enable_prefix_caching: bool = True,
    ) -> None:
        options = ffi.new("pllm_engine_options *", lib.pllm_engine_options_default())
        numbers = dict(
            threads=threads,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
            max_model_len=max_model_len,
            kv_cache_memory=kv_cache_memory,
        )
        for name, value in numbers.items():
            set_field(options, name, value)
        options.kv_cache_dtype = dtype_of(kv_cache_dtype, "kv_cache_dtype")
        set_field(options, "enable_prefix_caching", enable_prefix_caching)
        model_handle, user = model._handle, object()

        def free(engine: Any) -> None:
            lib.pllm_engine_close(engine)
            model_handle.drop(user)

        self.model = model
        self._handle = Handle(ffi.new("pllm_engine **"), free, "engine")
        self._finalizer = weakref.finalize(self, self._handle.close)
        model_handle.hold(user)  # the weights stay until the engine is closed
        call(lib.pllm_engine_open, self._handle.cell, model_handle.cell[0], options)
        self._lock: Any = threading.RLock()
        self._jobs: dict[int, Job] = {}
        self.dropped: deque[dict[int, Job]] = deque()  # what runs leave behind that end early
        self._events, self._n = ffi.new("const pllm_event **"), ffi.new("size_t *")
        self._at = 0
        self._err, self._id = ffi.new("pllm_error *"), ffi.new("uint64_t *")

    def _turn(self) -> Any:
        """The lock, to be taken by `with`."""
        self._handle.check_process()  # before the lock: in a child it may be held by a thread that is not there
        if self._lock._is_owned():
            raise BusyError("engine: is in a step of this very thread, wanted a call after it")
        return self._lock

    # ---- Requests

    def check(self, tasks: Iterable[Task]) -> None:
        """Raises what submitting them would, in one turn."""
        with self._turn(), self._handle.use() as engine:
            for i, task in enumerate(tasks):
                try:
                    c, _kept = task.complete()
                    call(lib.pllm_request_check, engine, c)
                except ParallmError as wrong:
                    raise of_prompt(i, wrong) from None

    def submit(self, job: Job) -> None:
        """Queues a request; its events go to job.samples from the next step on."""
        with self._turn(), self._handle.use() as engine:
            self._settle(engine)
            c, _kept = job.task.complete()
            self._id[0] = 0
            try:
                status = lib.pllm_submit(engine, c, self._id, self._err)
            finally:  # of an interrupt just now, too, the number is known
                job.id = self._id[0]
                self._jobs[job.id] = job
            if status:
                del self._jobs[job.id]
                raise fail(self._err)

    def forget(self, job: Job) -> None:
        """Says that all events of a job were taken."""
        self._jobs.pop(job.id, None)

    def step(self) -> None:
        """Computes one step for all requests and hands its events out."""
        with self._turn(), self._handle.use() as engine:
            self._settle(engine)
            self._n[0] = 0
            self._at = 0
            if lib.pllm_step(engine, self._events, self._n, self._err):
                raise fail(self._err)
            self._hand_out()

    def _settle(self, engine: Any) -> None:
        """Takes what an interrupted step has left, and cancels what was dropped meanwhile."""
        self._hand_out()
        while self.dropped:
            for job in list(self.dropped[0].values()):
                lib.pllm_cancel(engine, job.id)  # no harm if it has ended
                self._jobs.pop(job.id, None)
            self.dropped.popleft()

    def _hand_out(self) -> None:
        events, n, jobs = self._events[0], self._n[0], self._jobs
        while self._at < n:
            event = events[self._at]
            job = jobs.get(event.id)
            if job is not None:
                _take(job, event)
            self._at += 1

    # ---- The rest

    def add_adapter(self, name: str, path: str | os.PathLike[str]) -> None:
        """Loads a low-rank adapter (a PEFT or mlx_lm folder), which requests then name."""
        self._call(lib.pllm_adapter_add, c_text(name, "adapter"), path_bytes(path, "adapter"))

    def remove_adapter(self, name: str) -> None:
        """Requests that use it finish; new ones are refused."""
        self._call(lib.pllm_adapter_remove, c_text(name, "adapter"))

    def _call(self, f: Any, *args: Any) -> None:
        with self._turn(), self._handle.use() as engine:
            self._settle(engine)
            call(f, engine, *args)

    def plan(self) -> Plan:
        with self._turn(), self._handle.use() as engine:
            result: Plan = plain(lib.pllm_engine_plan(engine), Plan)
            return result

    def stats(self) -> Stats:
        with self._turn(), self._handle.use() as engine:
            self._settle(engine)
            result: Stats = plain(lib.pllm_engine_stats(engine), Stats)
            return result

    def close(self) -> None:
        """Ends all requests and frees the engine, after a step that is under way in another thread."""
        self._finalizer()

    @property
    def closed(self) -> bool:
        return self._handle.closed

    def __repr__(self) -> str:
        return f"parallm.Engine({self.model.path!r}{', closed' if self.closed else ''})"


def _take(job: Job, e: Any) -> None:
    """Takes an event, unless it was taken before."""
    kind = e.kind
    if kind == _TOKEN:
        sample = job.samples[e.sample - job.samples[0].index]
        if e.position == len(sample.tokens):
            sample.tokens.append(_token(e))
            job.touched.append(sample)
    elif kind == _PROMPT:
        if e.position == job.first_scored + len(job.prompt_events):
            job.prompt_events.append(_token(e))
    else:
        sample = job.samples[e.sample - job.samples[0].index]
        text = ffi.unpack(e.text, e.n_text) if e.n_text else b""
        error = ffi.string(e.error).decode() if e.error else None
        sample.finish = Finish(
            e.finish, text, e.stop_token, e.stop_index, e.seed, e.cached_tokens, e.cumulative_logprob, error
        )
        job.touched.append(sample)


def _token(e: Any) -> Token:
    n_top, n_text = e.n_top, e.n_text
    top = bytes(ffi.buffer(e.top, n_top * _TOP_BYTES)) if n_top else b""
    return Token(e.token, ffi.unpack(e.text, n_text) if n_text else b"", e.logprob, top, e.is_greedy)


_TOP_BYTES = ffi.sizeof("pllm_top")

