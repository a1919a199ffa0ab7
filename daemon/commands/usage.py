"""Usage errors of commands whose exit code 2 has a meaning of its own."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import typer
from typer.core import TyperGroup

from daemon.commands.exit_codes import BAD_INPUT

WORDS: Final = "daemon.commands.usage.words"
UsageError: Final[type[Any]] = typer.BadParameter.__mro__[1]
"""Click's, of which a bad parameter is one; Typer does not export it."""


class BadUsageIsBadInput(TyperGroup):
    """Commands that exit with 3 where others exit with 2, as on an unknown option or a missing argument.

    With `--json` the error is printed as an object too, as other bad input is.
    """

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:  # noqa: ANN401 - click's own
        """Read the group's own options."""
        words = tuple(args)
        try:
            context = super().make_context(info_name, args, *rest, **extra)
        except UsageError as error:
            _as_bad_input(error, words)
            raise
        context.meta[WORDS] = words
        return context

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's own
        """Read the command's options and run it."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            _as_bad_input(error, ctx.meta[WORDS])
            raise


def _as_bad_input(error: Any, words: tuple[str, ...]) -> None:  # noqa: ANN401 - a usage error
    error.exit_code = BAD_INPUT
    if "--json" in words:
        told = {"kind": "usage", "exit_code": BAD_INPUT, "message": error.format_message()}
        sys.stdout.write(json.dumps({"error": told}) + "\n")
