"""A model: weights and tokenizer, immutable, to be shared by engines in any number of threads."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from ._bar import WorkBar, someone_watches
from ._ffi import c_text, call, ffi, lib, path_bytes, set_field, take_text
from ._handle import Handle, Owner
from .errors import ArgumentError, ParallmError
from .tokenizer import Tokenizer

# A function of (what, bytes done, bytes in all; 0: unknown), which stops the work by returning False; True: a bar;
# None: a bar where standard error is a terminal.
Progress = Union[Callable[[str, int, int], object], bool, None]

_DTYPES = {
    "auto": "PLLM_DTYPE_AUTO",
    "float32": "PLLM_DTYPE_F32",
    "float": "PLLM_DTYPE_F32",
    "f32": "PLLM_DTYPE_F32",
    "float16": "PLLM_DTYPE_F16",
    "half": "PLLM_DTYPE_F16",
    "f16": "PLLM_DTYPE_F16",
    "bfloat16": "PLLM_DTYPE_BF16",
    "bf16": "PLLM_DTYPE_BF16",
    "int8": "PLLM_DTYPE_INT8",
}


def dtype_of(name: object, field: str) -> int:
    """A pllm_dtype by one of its names; torch.bfloat16 and the like count as theirs."""
    known = _DTYPES.get(str(name).removeprefix("torch."))
    if known is None:
        raise ArgumentError(f"{field}: is {name!r}, wanted one of {', '.join(_DTYPES)}")
    return int(getattr(lib, known))


@dataclass(frozen=True)
class ModelInfo:
    """What a model is."""

    architecture: str
    quantization: str
    isa: str
    n_parameters: int
    weight_bytes: int
    weight_bytes_read: int
    multiply_adds: int
    kv_bytes_per_token: int
    n_layers: int
    hidden_size: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    vocab_size: int
    max_context: int


def plain(struct: Any, kind: type) -> Any:
    """A dataclass from the fields of the same names of a C struct."""
    values = {}
    for name in kind.__dataclass_fields__:  # type: ignore[attr-defined]
        value = getattr(struct, name)
        values[name] = value if isinstance(value, (int, float)) else ffi.string(value).decode()
    return kind(**values)


class _Watch:
    """The progress callback of a call. What it raises, Ctrl-C among it, stops the call and is raised after it."""

    def __init__(self, progress: Progress) -> None:
        self.raised: BaseException | None = None
        self.bar = WorkBar() if progress is True or progress is None and someone_watches() else None
        told = self.bar or progress or None
        if told is not None and not callable(told):
            raise ArgumentError(f"progress: is {progress!r}, wanted a function, True, False or None")

        def on_error(kind: Any, value: BaseException, at: Any) -> None:
            self.raised = self.raised or value

        def report(user: Any, what: Any, done: int, total: int) -> bool:
            go_on = told is None or told(ffi.string(what).decode("utf-8", "replace"), done, total) is not False
            return go_on and self.raised is None

        self.callback = ffi.callback(
            "bool(void *, const char *, uint64_t, uint64_t)", report, error=False, onerror=on_error
        )

    def call(self, f: Any, *args: Any) -> None:
        try:
            call(f, *args)
        except ParallmError:
            if self.raised is not None:
                raise self.raised from None
            raise
        finally:
            if self.bar:
                self.bar.close()


class ModelOptions:
    """pllm_model_options with the memory that it points to."""

    def __init__(self, watch: _Watch | None = None, **options: Any) -> None:
        self.c = ffi.new("pllm_model_options *", lib.pllm_model_options_default())
        self._kept = []
        for name in ("dtype", "activations"):
            setattr(self.c, name, dtype_of(options.pop(name, "auto"), name))
        for name in ("quantize", "isa", "chat_template"):
            text = options.pop(name, None)
            if text is not None:
                self._kept.append(ffi.new("char[]", c_text(text, name)))
                setattr(self.c, name, self._kept[-1])
        for name, value in options.items():
            set_field(self.c, name, value)
        if watch:
            self.c.progress = watch.callback


class Model(Owner):
    """The weights and the tokenizer of a .gguf file, a folder with config.json, or a Hugging Face name."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        dtype: object = "auto",
        activations: str = "auto",
        quantize: str | None = None,
        chat_template: str | None = None,
        isa: str | None = None,
        threads: int = 0,
        offline: bool = False,
        progress: Progress = None,
    ) -> None:
        watch = _Watch(progress)
        options = ModelOptions(
            watch,
            dtype=dtype,
            activations=activations,
            quantize=quantize,
            chat_template=chat_template,
            isa=isa,
            threads=threads,
            offline=offline,
        )
        self._handle = Handle(ffi.new("pllm_model **"), lib.pllm_model_close, "model")
        self._finalizer = weakref.finalize(self, self._handle.close)
        watch.call(lib.pllm_model_open, self._handle.cell, path_bytes(path, "model"), options.c)
        self.path = os.fspath(path)
        self._tokenizer: Tokenizer | None = None
        pointer = lib.pllm_model_tokenizer(self._handle.cell[0])
        if pointer:
            self._tokenizer = Tokenizer._of_model(pointer, self._handle)

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own."""
        if self._tokenizer is None:
            raise ArgumentError("tokenizer: this model has none, and takes token ids alone")
        return self._tokenizer

    @property
    def has_tokenizer(self) -> bool:
        return self._tokenizer is not None

    @property
    def info(self) -> ModelInfo:
        with self._handle.use() as model:
            result: ModelInfo = plain(lib.pllm_model_describe(model), ModelInfo)
            return result

    def describe(self) -> str:
        """A description for people, one "name  value" a line."""
        text = ffi.new("char **")
        with self._handle.use() as model:
            call(lib.pllm_model_print, model, text)
        return take_text(text[0], len(ffi.string(text[0])))

    def close(self) -> None:
        """Frees the weights, as soon as no engine uses them. Whatever is called on it afterwards raises ClosedError."""
        self._finalizer()

    def __repr__(self) -> str:
        return f"parallm.Model({self.path!r}{', closed' if self._handle.closed else ''})"


def quantize(
    path: str | os.PathLike[str], out_path: str | os.PathLike[str], type: str, progress: Progress = None
) -> None:
    """Writes a model that this library reads as GGUF with its matrices as `type` ("q8_0", "q4_0" ...)."""
    watch = _Watch(progress)
    watch.call(
        lib.pllm_quantize, path_bytes(path, "path"), path_bytes(out_path, "out_path"), c_text(type, "type"),
        ModelOptions(watch).c,
    )  # fmt: skip


def pull(
    name: str,
    *,
    revision: str | None = None,
    file: str | None = None,
    offline: bool = False,
    progress: Progress = None,
) -> str:
    """A Hugging Face name as a path in the local cache, downloaded if need be: of a complete folder, or of a GGUF file."""
    watch = _Watch(progress)
    options = ffi.new("pllm_pull_options *", lib.pllm_pull_options_default())
    wanted = {"revision": revision, "file": file}
    texts = {key: ffi.new("char[]", c_text(text, key)) for key, text in wanted.items() if text is not None}
    for key, text in texts.items():
        setattr(options, key, text)
    set_field(options, "offline", offline)
    options.progress = watch.callback
    path = ffi.new("char **")
    watch.call(lib.pllm_pull, path, c_text(name, "name"), options)
    return take_text(path[0], len(ffi.string(path[0])))
