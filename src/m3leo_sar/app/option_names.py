"""Errors of a command in terms of its options: ``--minimum-coverage`` instead of the Python argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from typer.core import TyperGroup

#: Option of the command that is running, by each name that the library may use for it.
_OF_COMMAND: ContextVar[Mapping[str, str]] = ContextVar("option_names", default={})  # noqa: B039


class CommandGroup(TyperGroup):
    """Commands whose errors name options: the library's messages begin with the name of a Python argument."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of arguments; its options are those of :func:`with_options` from then on."""
        found = super().resolve_command(ctx, args)
        for parameter in [] if found[1] is None else found[1].params:
            # As the guides write arguments; usage and errors take the name of the Python argument otherwise.
            if parameter.param_type_name == "argument" and not parameter.metavar:
                parameter.metavar = str(parameter.name).upper()
        _OF_COMMAND.set({} if found[1] is None else option_names(found[1]))
        return found

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a ValueError or TypeError leaves it with the names of the command's options."""
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError) as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            if command is not None and error.args and isinstance(error.args[0], str):
                error.args = (with_option_names(error.args[0], option_names(command)), *error.args[1:])
            raise


def with_options(text: str) -> str:
    """A reason, such as of a tile that failed, with the options of the command that is running."""
    return with_option_names(text, _OF_COMMAND.get())


def option_names(command: Any) -> dict[str, str]:
    """Option of a command by each name that the library may use for it."""
    names: dict[str, str] = {}
    plurals: dict[str, str] = {}
    for parameter in command.params:
        options = [option for option in parameter.opts if option.startswith("--")]
        if options:
            names[parameter.name] = options[0]
            names |= {option.lstrip("-").replace("-", "_"): option for option in options}
            if getattr(parameter, "multiple", False):
                # Several values of a repeated option are one argument with a plural name.
                plurals[f"{parameter.name}s"] = options[0]
    return plurals | names


def with_option_names(text: str, names: Mapping[str, str]) -> str:
    """A message with the option in place of ``NAME must`` and ``NAME=``.

    Examples
    --------
    >>> with_option_names("form must be one of a, b; state nodata=", {"form": "--format", "nodata": "--nodata"})
    '--format must be one of a, b; state --nodata'
    >>> with_option_names("flat=True takes none", {"flat": "--flat"})
    '--flat takes none'
    """
    for name, option in names.items():
        word = rf"(?<![\w.-]){re.escape(name)}"
        text = re.sub(rf"{word}(?= must\b)", option, text)
        text = re.sub(rf"{word}='([\w-]+)'", rf"{option} \1", text)
        # A flag takes no value.
        text = re.sub(rf"{word}=True\b", option, text)
        text = re.sub(rf"{word}=(?=\W|$)", option, text)
        text = re.sub(rf"{word}=(?=\w)", f"{option} ", text)
    return text
