"""Commands that take text and flags as they stand: Typer asks pydantic, which takes longer to import than they do."""

from typing import Any, Literal, get_args, get_origin

from typer.core import TyperCommand, TyperGroup


class _AsTold:
    """Takes the place of what turns a parameter's value into its type: where it is of that type, it is that value."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return a parameter's value; what is not simply text or a flag goes Typer's own way."""
        kind = param.type_descriptor.annotation
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if kind in (str, bool) and type(value) is kind:
            return value
        if kind == list[str] and isinstance(value, list | tuple) and all(type(each) is str for each in value):
            return list(value)
        if get_origin(kind) is Literal and type(value) is str and value in get_args(kind):
            return value
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _take_as_told(params: list[Any]) -> None:
    """Have parameters be taken as they stand, where this Typer (0.29) builds what turns them when it is asked."""
    for param in params:
        if getattr(param, "_runtime_param", param) is None and hasattr(param, "type_descriptor"):
            param._runtime_param = _AsTold()


class QuickCommand(TyperCommand):
    """A command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what it was called with."""
        _take_as_told(self.get_params(ctx))
        return super().parse_args(ctx, args)


class QuickGroup(TyperGroup):
    """A group of commands, by its own options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what it was called with."""
        _take_as_told(self.get_params(ctx))
        return super().parse_args(ctx, args)
