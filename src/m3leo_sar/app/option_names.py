"""Errors of a command in terms of its options: ``--minimum-coverage`` instead of the Python argument."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperGroup


class CommandGroup(TyperGroup):
    """Commands whose errors name options: the library's messages begin with the name of a Python argument."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a ValueError or TypeError leaves it with the names of the command's options."""
        try:
            return super().invoke(ctx)
        except (ValueError, TypeError) as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            if command is not None and error.args and isinstance(error.args[0], str):
                error.args = (with_option_names(error.args[0], option_names(command)), *error.args[1:])
            raise


def option_names(command: Any) -> dict[str, str]:
    """Option of a command by each name that the library may use for it."""
    names = {}
    for parameter in command.params:
        options = [option for option in parameter.opts if option.startswith("--")]
        if options:
            names[parameter.name] = options[0]
            names |= {option.lstrip("-").replace("-", "_"): option for option in options}
    return names


def with_option_names(text: str, names: dict[str, str]) -> str:
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
