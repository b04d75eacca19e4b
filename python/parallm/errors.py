"""What can go wrong, by class. Each carries the library's own message: the file or field, what was found, what was wanted."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ParallmError(Exception):
    """Any failure of this package."""


class ArgumentError(ParallmError, ValueError):
    """A value that the caller gave is out of range or makes no sense."""


class FileError(ParallmError, OSError):
    """A file or connection could not be opened, read or written."""


class FormatError(ParallmError, ValueError):
    """A file, template or message is malformed."""


class UnsupportedError(ParallmError):
    """Well-formed, but nothing that this build knows: an architecture, a type, a function."""


class OutOfMemoryError(ParallmError, MemoryError):
    """Not enough memory. A step that failed so may be repeated: nothing is lost."""


class ClosedError(ParallmError, ValueError):
    """The handle was closed."""


class ForkError(ParallmError, RuntimeError):
    """The process has forked since the handle was opened: the child has no threads to compute with."""


class BusyError(ParallmError, RuntimeError):
    """The engine was called from within its own step, by a signal handler for example."""


class GenerationError(ParallmError, ArithmeticError):
    """No answer could be drawn: the model computed a number that is not finite, or the request left no token."""


# What other programs call it.
_ELSEWHERE = {
    "do_sample": "temperature",
    "eos_token_id": "stop_token_ids",
    "logits_processors": "logit_bias",
    "max_length": "max_tokens",
    "max_new_tokens": "max_tokens",
    "model_path": "model",
    "n_ctx": "max_model_len",
    "n_predict": "max_tokens",
    "n_threads": "threads",
    "num_return_sequences": "n",
    "repeat_penalty": "repetition_penalty",
    "sampler": "temperature",
    "stop_sequences": "stop",
    "stop_strings": "stop",
}


def unexpected(function: str, name: str, known: Iterable[str]) -> TypeError:
    """What Python raises for an unknown option, and which one may have been meant."""
    names = set(known)
    meant = [x for x in (_ELSEWHERE.get(name),) if x in names] or get_close_matches(name, names, 1)
    hint = f"; did you mean {meant[0]!r}?" if meant else ""
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def of_prompt(i: int, wrong: ParallmError) -> ParallmError:
    """The same error, saying which prompt it is about."""
    return type(wrong)(f"prompts[{i}]: {str(wrong).removeprefix('prompt: ')}")


# In the order of pllm_status.
BY_STATUS: tuple[type[ParallmError], ...] = (
    ParallmError,
    ArgumentError,
    FileError,
    FormatError,
    UnsupportedError,
    OutOfMemoryError,
    FileError,  # PLLM_E_WRITE
)
