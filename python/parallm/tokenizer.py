"""Tokenizers and chat templates, under the names that users of transformers know."""

from __future__ import annotations

import json
import os
import reprlib
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ._ffi import call, ffi, lib, path_bytes, take_text, take_tokens, text_bytes, token_array, tokens_pointer
from ._handle import Handle, Owner
from .errors import ArgumentError

Message = Mapping[str, Any]

# What a model without a template of its own gets, as from the command.
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


class _Template:
    """A chat template that was given."""

    def __init__(self, source: str) -> None:
        data = text_bytes(source)
        self.handle = Handle(ffi.new("pllm_template **"), lib.pllm_template_close, "chat template")
        weakref.finalize(self, self.handle.close)
        call(lib.pllm_template_open, self.handle.cell, data, len(data), b"chat_template")


class Tokenizer(Owner):
    """Text to token ids and back, and conversations to text. Immutable: any number of threads may use it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        handle = Handle(ffi.new("pllm_tokenizer **"), lib.pllm_tokenizer_close, "tokenizer")
        finalizer = weakref.finalize(self, handle.close)
        call(lib.pllm_tokenizer_open, handle.cell, path_bytes(path, "tokenizer"))
        self._init(handle.cell[0], handle, finalizer)

    @classmethod
    def _of_model(cls, pointer: Any, handle: Handle) -> Tokenizer:
        """A model's own, usable until the model is closed."""
        self = cls.__new__(cls)
        self._init(pointer, handle, None)
        return self

    def _init(self, pointer: Any, handle: Handle, finalizer: Callable[[], object] | None) -> None:
        self._tokenizer = pointer
        self._handle = handle
        self._finalizer = finalizer
        self._templates: dict[str, _Template] = {}

    def close(self) -> None:
        """Frees it; of a model's own tokenizer, the model does."""
        if self._finalizer:
            self._finalizer()

    @property
    def closed(self) -> bool:
        return self._handle.closed

    # ---- Text and tokens

    def encode_array(self, text: str, add_special_tokens: bool = True, parse_special: bool = True) -> np.ndarray:
        """Token ids as an int32 array over the library's memory."""
        if not isinstance(text, str):
            raise ArgumentError(f"text: is {reprlib.repr(text)}, wanted str")
        data = text_bytes(text)
        out, n = ffi.new("int32_t **"), ffi.new("size_t *")
        with self._handle.use():
            call(lib.pllm_tokenize, self._tokenizer, data, len(data), add_special_tokens, parse_special, out, n)
        return take_tokens(out[0], n[0])

    def encode(self, text: str, add_special_tokens: bool = True, parse_special: bool = True) -> list[int]:
        """Token ids. parse_special: the text of a special token ("<|im_end|>") becomes that token."""
        ids: list[int] = self.encode_array(text, add_special_tokens, parse_special).tolist()
        return ids

    def decode(self, token_ids: int | Sequence[int] | np.ndarray, skip_special_tokens: bool = False) -> str:
        """Text; bytes that are no characters become U+FFFD. An id that no token has is an ArgumentError."""
        array = token_array([token_ids] if isinstance(token_ids, (int, np.integer)) else token_ids, "token_ids")
        text, n = ffi.new("char **"), ffi.new("size_t *")
        with self._handle.use():
            pointer = tokens_pointer(array)
            call(lib.pllm_detokenize, self._tokenizer, pointer, len(array), skip_special_tokens, text, n)
        return take_text(text[0], n[0])

    def batch_decode(self, sequences: Iterable[Sequence[int]], skip_special_tokens: bool = False) -> list[str]:
        return [self.decode(s, skip_special_tokens) for s in sequences]

    def __call__(self, text: str | Sequence[str], add_special_tokens: bool = True) -> dict[str, Any]:
        """{"input_ids": ids}, of a text or of each."""
        if isinstance(text, str):
            return {"input_ids": self.encode(text, add_special_tokens)}
        return {"input_ids": [self.encode(t, add_special_tokens) for t in text]}

    # ---- The vocabulary

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> Any:
        """As the vocabulary spells them ("Ġthe"), of one or of each; None: no such id."""
        if not isinstance(ids, (int, np.integer)):
            return [self.convert_ids_to_tokens(int(i)) for i in ids]
        n = ffi.new("size_t *")
        with self._handle.use():
            text = lib.pllm_token_text(self._tokenizer, ids, n) if 0 <= ids < 2**31 else ffi.NULL
            return ffi.unpack(text, n[0]).decode("utf-8", "replace") if text else None

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> Any:
        """The inverse; None: no such token."""
        if not isinstance(tokens, str):
            return [self.convert_tokens_to_ids(t) for t in tokens]
        data = text_bytes(tokens)
        with self._handle.use():
            token = lib.pllm_token_id(self._tokenizer, data, len(data))
        return token if token >= 0 else None

    def get_vocab(self) -> dict[str, int]:
        texts = (self.convert_ids_to_tokens(i) for i in range(self.vocab_size))
        return {text: i for i, text in enumerate(texts) if text is not None}

    def _number(self, function: Any) -> int:
        with self._handle.use():
            return int(function(self._tokenizer))

    @property
    def vocab_size(self) -> int:
        return self._number(lib.pllm_vocab_size)

    def __len__(self) -> int:
        return self.vocab_size

    @property
    def bos_token_id(self) -> int | None:
        token = self._number(lib.pllm_bos_token)
        return token if token >= 0 else None

    @property
    def eos_token_id(self) -> int | None:
        token = self._number(lib.pllm_eos_token)
        return token if token >= 0 else None

    @property
    def bos_token(self) -> str | None:
        token = self.bos_token_id
        return None if token is None else self.convert_ids_to_tokens(token)

    @property
    def eos_token(self) -> str | None:
        token = self.eos_token_id
        return None if token is None else self.convert_ids_to_tokens(token)

    # Nothing is padded here; users of transformers set it to the end token where there is none, so that it exists.
    @property
    def pad_token_id(self) -> int | None:
        return self.eos_token_id

    @property
    def pad_token(self) -> str | None:
        return self.eos_token

    # ---- Conversations

    @property
    def chat_template(self) -> str | None:
        """The Jinja source of the model's own; None: it has none."""
        n = ffi.new("size_t *")
        with self._handle.use():
            template = lib.pllm_tokenizer_template(self._tokenizer, ffi.NULL)
            if not template:
                return None
            source = lib.pllm_template_source(template, n)
            return str(ffi.unpack(source, n[0]).decode("utf-8", "replace"))

    def render(self, variables: Mapping[str, Any], chat_template: str | None = None) -> str:
        """The template's text with "messages" and any other variables; ChatML where the model has no template."""
        try:
            data = text_bytes(json.dumps(variables, ensure_ascii=False))
        except (TypeError, ValueError) as wrong:
            raise ArgumentError(f"messages: {wrong}") from None
        text, n = ffi.new("char **"), ffi.new("size_t *")
        with self._handle.use():
            name = text_bytes(chat_template) if chat_template and "{" not in chat_template else ffi.NULL
            own = lib.pllm_tokenizer_template(self._tokenizer, name) if name or not chat_template else ffi.NULL
            if own:
                call(lib.pllm_render, own, self._tokenizer, data, len(data), text, n)
                return take_text(text[0], n[0])
            template = self._template(chat_template or CHATML)
            with template.handle.use() as given:
                call(lib.pllm_render, given, self._tokenizer, data, len(data), text, n)
                return take_text(text[0], n[0])

    def _template(self, source: str) -> _Template:
        """A template that was given, parsed once."""
        known = self._templates.get(source)
        if known is None:
            known = _Template(source)
            if len(self._templates) >= 16:  # users have one or two; a loop over made-up ones stays small
                self._templates.clear()
            self._templates[source] = known
        return known

    def apply_chat_template(
        self,
        conversation: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        tokenize: bool = True,
        **kwargs: Any,
    ) -> Any:
        """The prompt of a conversation, as token ids or (tokenize=False) as text."""
        variables: dict[str, Any] = {"messages": list(conversation), "add_generation_prompt": add_generation_prompt}
        if tools is not None:
            variables["tools"] = list(tools)
        if documents is not None:
            variables["documents"] = list(documents)
        text = self.render({**variables, **kwargs}, chat_template)
        if continue_final_message:
            text = _cut_after_last(text, conversation, add_generation_prompt)
        return self.encode(text, add_special_tokens=False) if tokenize else text

    def __repr__(self) -> str:
        return "parallm.Tokenizer(closed)" if self._handle.closed else f"parallm.Tokenizer({self.vocab_size} tokens)"


def _cut_after_last(text: str, conversation: Sequence[Message], add_generation_prompt: bool) -> str:
    """Leaves out what the template wrote behind the last message, which then can be continued."""
    if add_generation_prompt:
        raise ArgumentError("continue_final_message: stands beside add_generation_prompt, wanted one of them")
    content = conversation[-1].get("content") if conversation else None
    if not isinstance(content, str):
        raise ArgumentError("continue_final_message: the last message has no text")
    for form in (content, content.strip()):  # templates may trim
        at = text.rfind(form)
        if at >= 0:
            return text[: at + len(form)]
    raise ArgumentError("continue_final_message: the template does not write the last message as it is")
