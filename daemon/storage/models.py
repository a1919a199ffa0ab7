"""The models as stored: every version ever fitted."""

from __future__ import annotations

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from daemon.storage.schema import models
from forecaster.model_version import ModelVersion


class ModelStore:
    """Reads and writes models inside the caller's transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, model: ModelVersion, feature_set: str) -> None:
        """Write a fitted model; it is not in use yet."""
        row = {
            "version": model.version,
            "fitted_on": model.fitted_on,
            "train_from": model.train_from,
            "train_to": model.train_to,
            "feature_set": feature_set,
            "data_hash": model.data_hash,
            "code_hash": model.code_hash,
            "parameters": model.to_dict(),
        }
        await self._connection.execute(insert(models), [row])

    async def get(self, version: int) -> ModelVersion | None:
        """Return a version; None where there is none."""
        query = select(models.c.parameters).where(models.c.version == version)
        found = (await self._connection.execute(query)).scalar()
        return None if found is None else ModelVersion.from_dict(found)

    async def all(self) -> tuple[ModelVersion, ...]:
        """Return every version, in order."""
        found = await self._connection.execute(select(models.c.parameters).order_by(models.c.version))
        return tuple(ModelVersion.from_dict(row.parameters) for row in found)

    async def newest(self) -> ModelVersion | None:
        """Return the version fitted last."""
        last = select(func.max(models.c.version)).scalar_subquery()
        found = (
            await self._connection.execute(select(models.c.parameters).where(models.c.version == last))
        ).scalar()
        return None if found is None else ModelVersion.from_dict(found)
