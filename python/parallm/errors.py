"""What can go wrong, by class. Each carries the library's own message: the file or field, what was found, what was wanted."""

from __future__ import annotations


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
