"""Puts the fields of a struct of options into a command's signature, for Typer to find."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import msgspec


class Before(NamedTuple):
    """Beside a command's own option: help shows it before a field of its struct."""

    field: str


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command each field of a parameter that is a struct as an option, where that parameter stands.

        class Options(msgspec.Struct, frozen=True):
            top: Annotated[int, typer.Option(help="So many.")] = 1

        @with_options
        def best(paths: Paths, *, options: Options) -> None: ...

    Typer reads the parameters of a command by `inspect.signature`, which believes ``__signature__``.
    """
    parameters = list(inspect.signature(command).parameters.values())
    structs = [each for each in parameters if isinstance(each.annotation, type(msgspec.Struct))]
    for struct in structs:
        at = parameters.index(struct)
        parameters[at : at + 1] = [
            struct.replace(name=field.name, default=field.default, annotation=field.type)
            for field in msgspec.structs.fields(struct.annotation)
        ]
    for each in parameters[:]:
        for mark in getattr(each.annotation, "__metadata__", ()):
            if isinstance(mark, Before):
                parameters.remove(each)
                parameters.insert([other.name for other in parameters].index(mark.field), each)

    @wraps(command)
    def called(**given: Any) -> None:
        for struct in structs:
            names = struct.annotation.__struct_fields__
            given[struct.name] = struct.annotation(**{name: given.pop(name) for name in names})
        command(**given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called
