"""The outage: a store that cannot be used for a while. Loops wait it out; they do not end the process."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from daemon.live.health import Health
from daemon.storage.database import DatabaseError

STORE = "store"
"""The name under which the health knows whether the store can be written."""

_MISTAKES = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

DATA_CLASSES = frozenset({"22", "23"})
"""SQLSTATE classes of a value that cannot be kept: as a NUL in a text, or one that breaks a constraint."""

log = structlog.get_logger("store")


def is_outage(error: BaseException) -> bool:
    """Tell whether an error says that the store cannot be used now, rather than that we asked it nonsense.

    Locked, full, gone, too slow: each may end by itself. A constraint that is violated does not.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(is_outage(one) for one in error.exceptions)
    if isinstance(error, DBAPIError):
        is_mistake = isinstance(error, _MISTAKES) or _is_about_data(error)
        return error.connection_invalidated or not is_mistake
    return isinstance(error, DatabaseError | PoolTimeoutError | TimeoutError | ConnectionError)


def _is_about_data(error: DBAPIError) -> bool:
    """Tell whether Postgres or its driver refuses a value: the class of the error does not say so."""
    given: BaseException | None = error.orig
    state = str(getattr(given, "sqlstate", None) or "")
    return state[:2] in DATA_CLASSES or isinstance(given.__cause__ if given else None, ValueError)


def reason_of(error: BaseException) -> str:
    """Return why the store cannot be used, on one line, without a statement's parameters."""
    if isinstance(error, BaseExceptionGroup):
        return reason_of(error.exceptions[0])
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


class Outage:
    """Whether the store can be used, said once when it ends and once when it works again."""

    def __init__(self, health: Health | None = None) -> None:
        """Take the health that shows it; None where nobody looks."""
        self._health = health
        self.reason = ""
        self.failures = 0

    def report(self, error: BaseException, *, where: str) -> None:
        """Say that the store could not be used by a loop."""
        reason = reason_of(error)
        if not self.reason:
            log.error(
                "the store cannot be used; nothing is sent until it works again", loop=where, reason=reason
            )
        self.failures += 1
        self.reason = reason
        if self._health is not None:
            self._health.fail(STORE, reason)

    def hear(self, error: BaseException) -> None:
        """Hear that a write failed: in that instant, whoever wrote it, and whatever becomes of the error."""
        if is_outage(error):
            self.report(error, where="a write")

    def end(self, *, since: int) -> bool:
        """Say that the store was written.

        Args:
            since: How many failures there were when that write began: a later one counts for more.

        Returns:
            Whether the store can be relied on.
        """
        if self.failures != since:
            return False
        if self.reason:
            log.info("the store works again", reason=self.reason)
        self.reason = ""
        return True
