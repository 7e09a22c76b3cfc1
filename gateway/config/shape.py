"""Walks the settings classes along the keys of a file: what may stand where, and what is secret."""

import types
from collections.abc import Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

Annotation = Any
"""A type as written behind a field; Python has no narrower name for it."""


_LISTS = {list, tuple, set, frozenset, Sequence}


def child(annotation: Annotation, key: str | int) -> Annotation:
    """The type of what stands under ``key``, ``None`` when the type does not say."""
    for option in _options(annotation):
        if isinstance(key, str) and _is_settings(option):
            if (info := option.model_fields.get(key)) is not None:
                return info.annotation
        elif isinstance(key, str) and _origin(option) is dict:
            return get_args(option)[1]
        elif isinstance(key, int) and _origin(option) in _LISTS:
            return get_args(option)[0]
    return None


def field(annotation: Annotation, key: str) -> FieldInfo | None:
    """The description of the setting ``key`` of a group."""
    found = (o.model_fields.get(key) for o in _options(annotation) if _is_settings(o))
    return next((info for info in found if info is not None), None)


def is_secret(annotation: Annotation) -> bool:
    """Tell whether a value here must come from outside the file.

    A list of secrets counts too: a channel may take one secret in place of a list of one.
    """
    return any(
        option is SecretStr or (_origin(option) in _LISTS and is_secret(get_args(option)[0]))
        for option in _options(annotation)
    )


def keys(annotation: Annotation) -> tuple[str, ...]:
    """The keys a mapping of this type may have; empty when it may have any."""
    return tuple(
        name
        for option in _options(annotation)
        if _is_settings(option)
        for name in option.model_fields
    )


def _is_settings(annotation: Annotation) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _origin(annotation: Annotation) -> Any:
    return get_origin(annotation)


def _options(annotation: Annotation) -> tuple[Annotation, ...]:
    """The alternatives of a union, without ``Annotated`` around them."""
    if _origin(annotation) is Annotated:
        return _options(get_args(annotation)[0])
    if _origin(annotation) in {Union, types.UnionType}:
        return tuple(option for part in get_args(annotation) for option in _options(part))
    return (annotation,)
