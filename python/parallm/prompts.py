"""The forms that a prompt may have: text, token ids, a conversation, or a dictionary with one of them."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

import numpy as np

from ._ffi import token_array
from .errors import ArgumentError
from .tokenizer import Message, Tokenizer


class Read(NamedTuple):
    """A prompt as the engine takes it. text: None where it came as ids. add_special: its tokens have begin and end
    tokens round them, as the tokenizer's configuration asks for."""

    text: str | None
    tokens: np.ndarray
    add_special: bool = False


Prompt = Union[str, Sequence[int], np.ndarray, Mapping[str, Any], Sequence[Message], Read]


def is_one(prompts: Any) -> bool:
    """One prompt, rather than several."""
    if isinstance(prompts, (str, Mapping, Read)):
        return True
    if isinstance(prompts, np.ndarray):
        return prompts.ndim == 1 and prompts.dtype.kind in "iu"
    return is_ids(prompts) or is_conversation(prompts)


def is_ids(prompt: Any) -> bool:
    if isinstance(prompt, np.ndarray):
        return bool(prompt.ndim == 1 and prompt.dtype.kind in "iu")
    return isinstance(prompt, Sequence) and len(prompt) > 0 and isinstance(prompt[0], (int, np.integer))


def is_conversation(prompt: Any) -> bool:
    return (
        isinstance(prompt, Sequence)
        and len(prompt) > 0
        and isinstance(prompt[0], Mapping)
        and "role" in prompt[0]
    )


def each(prompts: Any) -> Iterator[Any]:
    """The prompts of an argument that may be one or several."""
    if is_one(prompts):
        yield prompts
    elif isinstance(prompts, Iterable):
        yield from prompts
    else:
        raise ArgumentError(f"prompts: is {reprlib.repr(prompts)}, wanted text, token ids or a list of prompts")


class ForEach:
    """An argument that holds for all prompts, or has an entry for each: `kinds` are those of one."""

    def __init__(self, name: str, given: Any, kinds: tuple[type, ...]) -> None:
        self.name = name
        self.is_shared = isinstance(given, kinds)
        self._given = given
        self._kinds = kinds
        if self.is_shared:
            return
        if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
            raise ArgumentError(f"{name}: is {reprlib.repr(given)}, wanted {self._wanted()}, or one for each prompt")
        self._entries = iter(given)

    def _wanted(self) -> str:
        """The kinds in words; NumPy's integers are ints to whoever reads it."""
        kinds = (kind for kind in self._kinds if kind is not np.integer)
        return " or ".join("None" if kind is type(None) else kind.__name__ for kind in kinds)

    def take(self, i: int) -> Any:
        """That of the next prompt, which is number i."""
        if self.is_shared:
            return self._given
        for entry in self._entries:
            if not isinstance(entry, self._kinds):
                raise ArgumentError(f"{self.name}[{i}]: is {reprlib.repr(entry)}, wanted {self._wanted()}")
            return entry
        raise ArgumentError(f"{self.name}: has {i}, wanted one for each prompt")

    def end(self, n: int) -> None:
        """There were n prompts."""
        if not self.is_shared and next(self._entries, self) is not self:
            raise ArgumentError(f"{self.name}: has more than the {n} prompts, wanted one for each")


def read(prompt: Any, tokenizer: Tokenizer | None, where: str = "prompt", **chat: Any) -> Read:
    """What the engine reads. Text gets the begin and end tokens that the tokenizer's configuration asks for;
    a conversation is rendered with the variables of `chat`, by a template that writes them itself."""
    if isinstance(prompt, Read):
        return prompt
    if isinstance(prompt, Mapping):
        return _read_mapping(prompt, tokenizer, where, chat)
    if isinstance(prompt, str):
        if tokenizer is None:
            raise ArgumentError(f"{where}: the model has no tokenizer to read text with, wanted token ids")
        return Read(prompt, tokenizer.encode_array(prompt), True)
    if is_conversation(prompt):
        if tokenizer is None:
            raise ArgumentError(f"{where}: the model has no tokenizer to read messages with, wanted token ids")
        text = tokenizer.apply_chat_template(prompt, **{"add_generation_prompt": True, **chat}, tokenize=False)
        return Read(text, tokenizer.encode_array(text, add_special_tokens=False))
    if isinstance(prompt, bytes) or not isinstance(prompt, Sequence) and not hasattr(prompt, "__array__"):
        raise ArgumentError(f"{where}: is {reprlib.repr(prompt)}, wanted text, token ids or messages")
    return Read(None, token_array(prompt, where))


def _read_mapping(prompt: Mapping[str, Any], tokenizer: Tokenizer | None, where: str, chat: dict[str, Any]) -> Read:
    forms = [name for name in ("prompt", "prompt_token_ids", "messages") if prompt.get(name) is not None]
    if "prompt_token_ids" in forms and "prompt" in forms:  # as vLLM: the ids count, the text is a label
        return Read(prompt["prompt"], token_array(prompt["prompt_token_ids"], where))
    unknown = set(prompt) - {"prompt", "prompt_token_ids", "messages"}
    if len(forms) != 1 or unknown:
        found = ", ".join(sorted(map(repr, prompt)))
        raise ArgumentError(f"{where}: has {found or 'nothing'}, wanted 'prompt', 'prompt_token_ids' or 'messages'")
    return read(prompt[forms[0]], tokenizer, where, **chat)
