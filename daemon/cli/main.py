"""The way in: run the command line, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import sys

from daemon.cli.app import app
from daemon.commands.exit_codes import INTERRUPTED


def main() -> None:
    """Run the command line; a known error is one line on standard error, not a traceback."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        from daemon.commands.exit_codes import FAULT, exit_code

        code = exit_code(error)
        if code is None:  # never 1, which says breach or refused
            import traceback

            traceback.print_exc()
            sys.exit(FAULT)
        sys.stderr.write(f"forewarn: {error}\n")
        sys.exit(code)
