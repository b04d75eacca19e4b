"""Progress bars: of prompts, with tokens per second, and of long work on files."""

from __future__ import annotations

import sys
import time
import warnings
from types import TracebackType
from typing import Any

_SECONDS = 0.2  # between two looks at the clock's consequences
_PATIENCE = 1  # seconds of work without a bar


def _tqdm() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without widgets gets the bar of a terminal, and need not hear of it
        from tqdm.auto import tqdm  # takes a while to import, and a run without a bar does not need it

    return tqdm


def someone_watches() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


class WorkBar:
    """A progress callback: a bar for each thing that is done, once the work has taken a second."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._what: tuple[str, int] | None = None
        self._begun = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self._begun < _PATIENCE:
            return
        if self._what != (what, total):
            self.close()
            self._what = what, total
            self._bar = _tqdm()(
                desc=what, total=total or None, unit="B", unit_scale=True, dynamic_ncols=True, leave=False
            )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


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

    def finished(self, n_prompt_tokens: int) -> None:
        self._finished_prompt_tokens += n_prompt_tokens
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
