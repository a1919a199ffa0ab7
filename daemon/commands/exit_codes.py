"""The exit codes: 0 done, 1 refused, 2 wrong usage (typer's), 3 bad input, 4 our fault, 130 interrupted.

`forewarn monitor` answers with its verdict: 0 ok, 1 breach, 2 cannot judge; its wrong usage is bad input.
"""

from __future__ import annotations

from typing import Final

REFUSED: Final = 1
BAD_INPUT: Final = 3
FAULT: Final = 4
INTERRUPTED: Final = 130


def exit_code(error: Exception) -> int | None:
    """Return the exit code of an error that a person can mend, or None of one that is our own fault."""
    from daemon.commands.data_file import DataFileError
    from daemon.configuration.config_error import ConfigError
    from daemon.live.instance import InstanceError
    from daemon.replay import ReplayError
    from daemon.storage.database import DatabaseError
    from daemon.storage.origin import OriginError
    from daemon.verbs import VerbError
    from daemon.web.server import ServerError
    from market.exchange import ExchangeError
    from market.fact_table import UniverseError
    from market.filings_source import FilingsError
    from market.minute_files import MinuteFileError
    from market.outside_files import OutsideFileError
    from market.price_file import PriceFileError
    from trading.gate import GateError

    if isinstance(error, GateError | InstanceError | VerbError):
        return REFUSED
    mendable = (
        ConfigError
        | DataFileError
        | DatabaseError
        | ExchangeError
        | MinuteFileError
        | FilingsError
        | OriginError
        | OutsideFileError
        | PriceFileError
        | ReplayError
        | ServerError
        | UniverseError
    )
    return BAD_INPUT if isinstance(error, mendable) else None
