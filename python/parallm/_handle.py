"""Handles of the library that cannot be used wrongly: not after close, not in a forked child, not freed in use.

There is no lock, because the garbage collector may run a finalizer anywhere, also where a lock is held. Two
orders make it safe, each operation on a dict being indivisible: a user enters itself and then looks whether the
handle is closed; a closer marks it closed and then looks for users. Whoever comes last frees. A signal handler may
raise between any two instructions: the handle is there before what it holds, and a use that ends nowhere ends when it
is collected."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any, NoReturn, TypeVar

from .errors import ClosedError, ForkError

_Owner = TypeVar("_Owner", bound="Owner")


class Owner(ABC):
    """What owns memory of the library: `with` closes it, and it stays in its process."""

    @abstractmethod
    def close(self) -> None:
        """Frees it."""

    def __enter__(self: _Owner) -> _Owner:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"a parallm.{name} can be neither copied nor sent to another process: open one there")


class Handle:
    """What the library opens into `cell` (a T **), and how to free it. `with handle.use() as pointer:` uses it."""

    __slots__ = ("cell", "_free", "_what", "_pid", "_closed", "_users", "_unfreed", "__weakref__")

    def __init__(self, cell: Any, free: Callable[[Any], object], what: str) -> None:
        self.cell = cell
        self._free = free
        self._what = what
        self._pid = os.getpid()
        self._closed = False
        self._users: dict[object, None] = {}
        self._unfreed = [True]  # popped by the one that frees

    @property
    def closed(self) -> bool:
        return self._closed

    def check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkError(
                f"this {self._what} was opened by process {self._pid}, which forked process {os.getpid()}: "
                "open it in the child, or start workers by 'spawn'"
            )

    def hold(self, user: object) -> None:
        """Keeps the memory until drop(user)."""
        self.check_process()
        self._users[user] = None
        if self._closed:
            self.drop(user)
            raise ClosedError(f"this {self._what} was closed")

    def drop(self, user: object) -> None:
        self._users.pop(user, None)
        if self._closed:
            self._free_if_unused()

    def use(self) -> Use:
        return Use(self)

    def close(self) -> None:
        """Frees the memory when its last user has gone."""
        self._closed = True
        self._free_if_unused()

    def _free_if_unused(self) -> None:
        if self._users or os.getpid() != self._pid:  # a child has none of the threads that freeing would wait for
            return
        try:
            self._unfreed.pop()
        except IndexError:
            return
        self._free(self.cell[0])


class Use:
    """One use of a handle, as a context."""

    __slots__ = ("_handle", "_user")

    def __init__(self, handle: Handle) -> None:
        self._user = object()
        self._handle = handle

    def __enter__(self) -> Any:
        self._handle.hold(self._user)
        return self._handle.cell[0]

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._handle.drop(self._user)

    def __del__(self) -> None:  # an interrupt may have come before __exit__ was armed
        if hasattr(self, "_handle"):
            self._handle.drop(self._user)
