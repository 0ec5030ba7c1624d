"""A property worked out once: `functools.cached_property` without the lock, which costs more than most facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - used as a decorator, like `property`
    """Calls the method at the first access and keeps what it returned in the instance's `__dict__`."""

    def __init__(self, method: Callable[[Any], T]) -> None:
        self._method = method
        self._name = method.__name__
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T: ...
    def __get__(self, instance: object, owner: type | None = None) -> lazy[T] | T:
        if instance is None:
            return self
        found = instance.__dict__[self._name] = self._method(instance)
        return found
