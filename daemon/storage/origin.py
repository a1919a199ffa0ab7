"""The origin: what a store belongs to, so that two histories never mix in one."""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import origin

IDENTITY: Final = "store"
"""The key of the store's own name."""


class OriginError(Exception):
    """The store belongs to something else."""


class OriginStore:
    """Reads and writes the origin inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def read(self) -> dict[str, str]:
        """Return every key of the origin; empty for a new store."""
        rows = await self._connection.execute(select(origin.c.key, origin.c.value))
        return {row.key: row.value for row in rows}

    async def identity(self) -> str:
        """Return the store's own name, made when it is first asked for; no two stores have the same."""
        query = select(origin.c.value).where(origin.c.key == IDENTITY)
        found: str | None = (await self._connection.execute(query)).scalar()
        if found is not None:
            return found
        made = secrets.token_hex(6)
        await self._connection.execute(insert(origin), [{"key": IDENTITY, "value": made}])
        return made

    async def claim(self, wanted: dict[str, str], name: str) -> None:
        """Write the origin of a new store, or check that it is the same.

        Args:
            wanted: What the store must belong to.
            name: The database, for the message.

        Raises:
            OriginError: It belongs to something else; the text names the first difference.
        """
        found = await self.read()
        if not found:
            rows = [{"key": key, "value": value} for key, value in sorted(wanted.items())]
            await self._connection.execute(insert(origin), rows)
            return
        for key, value in sorted(wanted.items()):
            if found.get(key) != value:
                raise OriginError(
                    f"{name} belongs to something else: its {key} is {_short(found.get(key, 'not set'))}, "
                    f"this one's is {_short(value)}; name another --database or delete that one"
                )


def _short(value: str) -> str:
    """Return a fingerprint by its first digits."""
    return value if len(value) < 16 else f"{value[:8]}..."
