"""Going back to an earlier model. It reads the record of moves only, so that it is done at once.

It works inside the caller's transaction and leaves an audit row. A running daemon takes the model over with
its next forecasts; the gate is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.audit import AuditStore
from daemon.storage.gates import GateStore
from daemon.storage.moves import Action, Move, MoveStore
from daemon.verbs import VerbError


async def rollback(
    connection: AsyncConnection, version: int | None, *, reason: str, actor: str, at: datetime
) -> Move:
    """Go back to a model that was in use before; from then on, newer ones need evidence.

    Nobody goes forward this way: a model that was itself gone back from needs evidence to return.

    Args:
        connection: The caller's transaction.
        version: Which; None takes the one that the present one took the place of when it came with evidence,
            or as a refit.
        reason: Why; kept for ever.
        actor: Who says so.
        at: The instant, aware UTC.

    Raises:
        VerbError: There is no such version, it was never in use or was gone back from, or no reason is given.
    """
    if not reason.strip():
        raise VerbError("a rollback needs a reason; give --reason")
    moves = await MoveStore(connection).all()
    earlier = _earlier(moves)
    if version is None:
        version = _previous(moves, earlier)
    before = await replaced_by(connection, version, at)
    if version not in earlier:
        used = version in {move.version for move in moves}
        why = "came after the one in use and was gone back from" if used else "was never in use"
        raise VerbError(f"model {version} {why}; `forewarn model promote {version}` asks for evidence")
    move = Move(at, None, Action.ROLLBACK, version, before, actor, reason.strip())
    return await put_into_use(connection, move)


async def replaced_by(connection: AsyncConnection, version: int, at: datetime) -> int:
    """Return the version in use that another one is to replace.

    Raises:
        VerbError: None is in use, there is no such other version, or it is in use already.
    """
    await GateStore(connection).hold(at)  # the audit trail asks for it
    store = MoveStore(connection)
    last = await store.last()
    if last is None:
        raise VerbError("no model is in use yet: the first one is fitted once enough sessions are resolved")
    if not await store.has(version):
        raise VerbError(f"there is no model {version}; see `forewarn model list`")
    if version == last.version:
        raise VerbError(f"model {version} is in use already")
    return last.version


async def put_into_use(connection: AsyncConnection, move: Move) -> Move:
    """Write a move and its audit row; return it."""
    await MoveStore(connection).add(move)
    detail = {"version": move.version, "before": move.before, "reason": move.reason}
    await AuditStore(connection).add(move.at, move.actor, f"model.{move.action}", detail)
    return move


def _earlier(moves: Sequence[Move]) -> tuple[int, ...]:
    """Return the versions on whose way the one in use came, oldest first; rollbacks take back later ones."""
    way: list[int] = []
    for move in moves:
        if move.action is Action.ROLLBACK:
            while way and way[-1] != move.version:
                way.pop()
        else:
            way.append(move.version)
    return tuple(way[:-1])


def _previous(moves: Sequence[Move], earlier: Sequence[int]) -> int:
    if not moves:
        raise VerbError("no model is in use yet: the first one is fitted once enough sessions are resolved")
    if not earlier:
        raise VerbError("no earlier model was ever in use: there is nothing to go back to")
    return earlier[-1]
