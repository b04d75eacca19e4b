"""A progress bar that shows tokens per second."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from .engine import Job

_SECONDS = 0.2  # between two looks at the clock's consequences


def _tqdm() -> Any:
    from tqdm.auto import tqdm  # takes a while to import, and a run without a bar does not need it

    return tqdm


class Bar:
    """use_tqdm: True, False, or a class to use in tqdm's place."""

    def __init__(self, use_tqdm: Any, total: int) -> None:
        self._bar: Any = None
        self._begun = self._shown = time.monotonic()
        self._tokens = self._finished_prompt_tokens = 0
        if use_tqdm and total:
            kind = _tqdm() if use_tqdm is True else use_tqdm
            self._bar = kind(total=total, desc="Processed prompts", dynamic_ncols=True)

    def tick(self) -> None:
        """A token has come."""
        self._tokens += 1
        if self._bar is not None and self._tokens % 64 == 0 and time.monotonic() - self._shown > _SECONDS:
            self._show()

    def finished(self, job: Job) -> None:
        self._finished_prompt_tokens += len(job.tokens)
        if self._bar is not None:
            self._bar.update(1)

    def _show(self) -> None:
        now = time.monotonic()
        self._shown = now
        seconds = max(now - self._begun, 1e-9)
        read, written = self._finished_prompt_tokens / seconds, self._tokens / seconds
        self._bar.set_postfix_str(f"input {read:.1f} toks/s, output {written:.1f} toks/s")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._show()
            self._bar.close()
