"""libparallm as cffi sees it: declarations out of parallm.h as it is, functions bound when they are first used.

cffi releases the interpreter's lock during every call. Nothing here knows what the functions mean."""

from __future__ import annotations

import os
import re
import reprlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from .errors import BY_STATUS, ArgumentError, ParallmError

_HERE = Path(__file__).resolve().parent
_SOURCES = _HERE.parent.parent  # of a checkout that is used as it is
_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


def _first(*paths: Path) -> Path:
    for path in paths:
        if path.is_file():
            return path
    raise ParallmError(f"{paths[0]}: is missing, and so are its stand-ins {', '.join(map(str, paths[1:]))}")


def _library_path() -> Path:
    """The library of this package; of a checkout, what `make` left in build/; PARALLM_LIBRARY overrules both."""
    given = os.environ.get("PARALLM_LIBRARY")
    if given:
        return _first(Path(given))
    name = "libparallm" + _SUFFIX
    return _first(_HERE / name, _SOURCES / "build" / name)


def _declarations(header: str) -> str:
    """The header without what only a C compiler reads."""
    header = re.sub(r"#ifdef __cplusplus.*?#endif", "", header, flags=re.S)
    lines = (line for line in header.splitlines() if not line.lstrip().startswith("#"))
    return "\n".join(lines).replace("PLLM_API ", "")


ffi: Any = cffi.FFI()
ffi.cdef(_declarations(_first(_HERE / "parallm.h", _SOURCES / "include" / "parallm.h").read_text(encoding="utf-8")))
lib: Any = ffi.dlopen(str(_library_path()))


def fail(err: Any) -> ParallmError:
    """The exception that a filled pllm_error stands for."""
    kind = BY_STATUS[err.status] if 0 <= err.status < len(BY_STATUS) else ParallmError
    return kind(ffi.string(err.message).decode("utf-8", "replace"))


def call(f: Any, *args: Any) -> None:
    """f(*args, &err), raising what went wrong."""
    err = ffi.new("pllm_error *")
    if f(*args, err):
        raise fail(err)


def text_bytes(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which is no character, becomes a question mark as in a file's name."""
    return text.encode("utf-8", "replace")


def c_text(text: object, name: str) -> bytes:
    """A string that the library reads to its NUL."""
    if not isinstance(text, str):
        raise ArgumentError(f"{name}: is {reprlib.repr(text)}, wanted str")
    data = text_bytes(text)
    if b"\0" in data:
        raise ArgumentError(f"{name}: has a NUL character")
    return data


def path_bytes(path: object, name: str) -> bytes:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"{name}: is {reprlib.repr(path)}, wanted a path")
    data = os.fsencode(path)
    if b"\0" in data:
        raise ArgumentError(f"{name}: the path has a NUL character")
    return data


def _range(struct: Any, name: str) -> str:
    """The whole numbers that fit into a field."""
    kind = dict(ffi.typeof(struct).fields if ffi.typeof(struct).kind == "struct" else ffi.typeof(struct).item.fields)[name].type
    bits, is_signed = 8 * ffi.sizeof(kind), int(ffi.cast(kind, -1)) < 0
    return f"-2^{bits - 1} to 2^{bits - 1} - 1" if is_signed else f"0 to 2^{bits} - 1"


def set_field(struct: Any, name: str, value: Any, field: str | None = None) -> None:
    """Sets a number of a C struct; the message of a value that does not fit names the field."""
    try:
        setattr(struct, name, value)
    except TypeError:
        kind = {float: "a number", bool: "True or False"}.get(type(getattr(struct, name)), "a whole number")
        raise ArgumentError(f"{field or name}: is {reprlib.repr(value)}, wanted {kind}") from None
    except OverflowError:
        raise ArgumentError(f"{field or name}: is {reprlib.repr(value)}, wanted {_range(struct, name)}") from None


def take_text(pointer: Any, n: int) -> str:
    """A text that the library allocated, which is freed."""
    try:
        return str(ffi.unpack(pointer, n).decode("utf-8", "replace")) if n else ""
    finally:
        lib.pllm_free(pointer)


def take_tokens(pointer: Any, n: int) -> np.ndarray:
    """Tokens that the library allocated, as an array over its memory, which lives as long as the array."""
    owned = ffi.gc(pointer, lib.pllm_free, size=4 * n)
    return np.frombuffer(ffi.buffer(owned, 4 * n), dtype=np.int32)


def _not_token_ids(tokens: object) -> str:
    """What is wrong with them."""
    if isinstance(tokens, Iterable) and not isinstance(tokens, (str, bytes)):
        for token in tokens:
            if isinstance(token, bool) or not isinstance(token, (int, np.integer)):
                return f"has {reprlib.repr(token)}"
    return f"is {reprlib.repr(tokens)}"


def token_array(tokens: Sequence[int] | np.ndarray, name: str = "tokens") -> np.ndarray:
    """int32 tokens; not copied where they are that already."""
    try:
        array = np.asarray(tokens)
    except (ValueError, OverflowError):
        array = np.empty(0, dtype=object)
    if array.size == 0 and array.dtype == np.float64:  # of an empty list
        array = array.astype(np.int32)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ArgumentError(f"{name}: {_not_token_ids(tokens)}, wanted a list of token ids")
    if array.dtype != np.int32:
        if array.size and (array.min() < -(2**31) or array.max() >= 2**31):
            wrong = array.min() if array.min() < -(2**31) else array.max()
            raise ArgumentError(f"{name}: has {wrong}, which is no token id")
        array = array.astype(np.int32)
    return np.ascontiguousarray(array)


def tokens_pointer(array: np.ndarray) -> Any:
    """`const int32_t *` of an array from token_array; it keeps the array alive."""
    return ffi.from_buffer("const int32_t[]", array)


def version() -> str:
    return str(ffi.string(lib.pllm_version()).decode())
