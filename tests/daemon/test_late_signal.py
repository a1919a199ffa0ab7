"""A signal whose data begin after the first fit: the models before it lack it, the daemon goes on."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from daemon.configuration.settings import Settings
from daemon.replay import replay
from daemon.storage.database import Database
from daemon.storage.models import ModelStore
from daemon.storage.moves import Action, MoveStore
from daemon.storage.origin import OriginError
from market.exchange import Exchange
from market.short_volume import HEADER, file_name
from tests.daemon.replays import END, dump, short_history, short_settings

START = date(2004, 5, 3)
BEGINS = date(2004, 6, 21)
SIGNAL = "off_exchange"

pytestmark = pytest.mark.no_cover  # it repeats what other tests count


@pytest.fixture
def settings(tmp_path: Path, exchange: Exchange) -> Settings:
    """What is told off exchange begins between the first fit and the last."""
    history = short_history(exchange).panel
    universe = [ticker for ticker in history.tickers if not ticker.startswith("^")]
    for day in exchange.sessions(BEGINS, END):
        volume = history.columns(tuple(universe)).volume[history.sessions.index(day)].tolist()
        shares = [(0.2 + 0.1 * ((day.day * 7 + i) % 5), one) for i, one in enumerate(volume)]
        rows = [
            f"{day:%Y%m%d}|{ticker}|{share * one / 3}|0|{share * one}|Q"
            for ticker, (share, one) in zip(universe, shares, strict=True)
            if one > 0
        ]
        (tmp_path / file_name(day)).write_text("\n".join(["|".join(HEADER), *rows, str(len(rows))]))
    splits = tmp_path / "splits.csv"
    splits.write_text("ticker,session,ratio\n" + "".join(f"{ticker},,\n" for ticker in universe))
    plain = short_settings(tmp_path)
    told = {
        "short_volume": "folder",
        "short_volume_folder": str(tmp_path),
        "splits_file": str(splits),
    }
    return plain.model_copy(update={"market": plain.market.model_copy(update=told)})


class StoppedError(Exception):
    """The process has ended."""


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_the_replay_goes_on_and_a_restart_in_it_ends_with_the_same_tables(
    database: Database, settings: Settings, exchange: Exchange, tmp_path: Path
) -> None:
    history = short_history(exchange, START)
    await replay(history, exchange, settings, database, (), lambda done, total, session: None)
    async with database.read() as connection:
        found = await ModelStore(connection).all()
        moves = await MoveStore(connection).all()
    reads = [SIGNAL in {signal.name for signal in model.signals} for model in found]
    assert (reads[0], reads[-1]) == (False, True)
    assert [move.action for move in moves] == [Action.FIRST] + [Action.RENEW] * (len(found) - 1)

    stops = [model.fitted_on for model in found[::2]]
    again = Database(f"sqlite:///{tmp_path}/again.db", durable=False)

    def stop(_done: int, _total: int, session: date) -> None:
        if session in stops:
            stops.remove(session)
            raise StoppedError

    for _ in range(len(stops)):
        with pytest.raises(StoppedError):
            await replay(history, exchange, settings, again, (), stop)
    await replay(history, exchange, settings, again, (), stop)
    assert await dump(again) == await dump(database)
    (tmp_path / file_name(END)).unlink()
    with pytest.raises(OriginError, match="its folder of short volume is "):
        await replay(history, exchange, settings, again, (), stop)
    await again.aclose()
