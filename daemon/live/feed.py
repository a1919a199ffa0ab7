"""The feed: a live session's bars from the configured providers, or the word that they are not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date

import numpy as np
import structlog

from daemon.configuration.settings import Settings
from daemon.live.arrival import Arrival, arrive
from daemon.live.observer import Observer
from daemon.live.overlap import Overlap
from daemon.live.providers import make_sources
from daemon.storage.bars import SessionBars
from market.guard import Request
from market.panel import FIELDS
from market.provider import Fetched, ProviderError
from market.provider_chain import Asked, ProviderChain, Source
from market.quality import Finding
from market.revisions import Revision
from monitors.live import Outcome

log = structlog.get_logger("feed")


class FeedError(Exception):
    """The providers gave nothing usable; asking again later is right."""


class Feed:
    """Fetches bars and links them to the kept ones."""

    def __init__(
        self,
        sources: tuple[Source, ...],
        tickers: tuple[str, ...],
        observer: Observer | None = None,
        *,
        patience_s: float = 1200.0,
        requests: list[Request] | None = None,
    ) -> None:
        """Take the providers in the order in which they are asked.

        Args:
            sources: Each next one is asked for the tickers that the ones before had no bar for.
            tickers: In the order of the result's columns.
            observer: Who writes down how each call ended; None writes nothing.
            patience_s: Seconds for which an answer without the session is taken for merely late.
            requests: Where the sources' guards put requests that have ended; it is emptied after each call.
        """
        self._tickers = tickers
        self._observer = observer
        self._requests = [] if requests is None else requests
        self._first = sources[0].name
        self._restated: dict[tuple[str, str], float] = {}
        self._left_out: set[str] = set()
        self._chain = ProviderChain(sources, asking=self._asking, patience_s=patience_s)

    async def history(self, sessions: tuple[date, ...], kept: Overlap) -> tuple[SessionBars, ...]:
        """Fetch the sessions before the first live one; those without a bar are NaN.

        A hole in the history would stay for ever, so a ticker without any bar is an error.

        Args:
            sessions: Those that are not kept yet, oldest first.
            kept: The newest of those that an earlier start has kept.

        Raises:
            FeedError: The providers failed, or have nothing for a ticker.
        """
        came = await self._arrival(kept, sessions)
        close = np.concatenate([kept.panel.close, came.values[FIELDS.index("close")]])
        empty = [
            ticker for ticker, known in zip(self._tickers, close.T, strict=True) if np.isnan(known).all()
        ]
        if empty:
            raise FeedError(f"no history for {', '.join(empty)} yet; mend the provider or market.tickers")
        return _days(came, sessions)

    async def session(self, session: date, kept: Overlap) -> SessionBars:
        """Fetch one session in the unit of the kept ones, and what is told otherwise of these.

        Args:
            session: The session.
            kept: The sessions before it that are asked for again.

        Raises:
            FeedError: The providers failed.
        """
        (day,) = _days(await self._arrival(kept, (session,)), (session,))
        return day

    async def late(self, kept: Overlap) -> tuple[Revision, ...]:
        """Fetch kept sessions again; return what came late or is told otherwise.

        Raises:
            FeedError: The providers failed.
        """
        return (await self._arrival(kept, ())).revisions

    async def _arrival(self, kept: Overlap, new: tuple[date, ...]) -> Arrival:
        asked = (*kept.panel.sessions, *new)
        fetched = await self._fetch(asked[0], asked[-1])
        came = await asyncio.to_thread(arrive, kept, fetched, new, self._trusted(fetched))
        self._name(came.findings)
        self._tell(came.revisions)
        return came

    def _trusted(self, fetched: Fetched) -> frozenset[str]:
        """Return the tickers that the first provider served: the others' bars correct nothing."""
        return frozenset(ticker for ticker, source in fetched.sources if source == self._first)

    def _name(self, findings: tuple[Finding, ...]) -> None:
        """Log why bars were left out; one that is told again is left out again and logged when it is new."""
        for one in findings:
            if str(one) not in self._left_out:
                log.warning("bar left out", ticker=one.ticker, kind=one.kind.value, finding=str(one))
        self._left_out = {str(one) for one in findings}

    def _tell(self, changes: tuple[Revision, ...]) -> None:
        """Log what changed; a split or dividend stays in every later answer and is logged when it is new."""
        for one in changes:
            if not one.values:
                if self._restated.get((one.ticker, one.kind)) == one.factor:
                    continue
                self._restated[one.ticker, one.kind] = one.factor
            log.info(
                "told otherwise",
                ticker=one.ticker,
                session=str(one.session),
                kind=one.kind.value,
                factor=one.factor,
            )

    async def _fetch(self, start: date, end: date) -> Fetched:
        try:
            fetched = await self._chain.fetch(self._tickers, start, end)
        except ProviderError as error:
            raise FeedError(f"no prices for {start} to {end}: {error}") from error
        for ticker, reason in fetched.failed:
            log.warning("no provider has prices", ticker=ticker, reason=reason)
        for ticker, source in fetched.sources:
            if source != self._first:
                log.warning("another provider had the prices", ticker=ticker, provider=source)
        return fetched

    @asynccontextmanager
    async def _asking(self, provider: str, session: date) -> AsyncIterator[Asked]:
        """Write down a call of a provider, and the requests that it took."""
        try:
            if self._observer is None:
                yield Asked()
            else:
                async with self._observer.asking(provider, session) as call:
                    yield (asked := Asked())
                    call.outcome = Outcome.OK if asked.came else Outcome.EMPTY
        except ProviderError as error:
            log.warning("provider failed", provider=provider, reason=str(error))
            await self._note(session)
            raise
        await self._note(session)

    async def _note(self, session: date) -> None:
        """Write down the requests that have ended."""
        requests, self._requests[:] = tuple(self._requests), ()
        for request in requests:
            if request.failure:
                log.info(
                    "request failed",
                    provider=request.provider,
                    ticker=request.what,
                    seconds=round(request.seconds, 3),
                    reason=request.failure,
                )
        if self._observer is not None and requests:
            await self._observer.note(requests, session)


def make_feed(
    settings: Settings, observer: Observer | None = None, requests: list[Request] | None = None
) -> Feed:
    """Build the configured feed.

    Args:
        settings: Every setting.
        observer: Who writes down how each call ended.
        requests: Where requests that have ended are put, those of others among them.
    """
    requests = [] if requests is None else requests
    return Feed(
        make_sources(settings, requests.append),
        settings.market.asked(),
        observer,
        patience_s=60.0 * settings.market.patience_minutes,
        requests=requests,
    )


def _days(came: Arrival, sessions: tuple[date, ...]) -> tuple[SessionBars, ...]:
    """Return what came of new sessions; the first one brings what is told otherwise of kept ones."""
    return tuple(
        SessionBars(
            day,
            came.values[:, row],
            () if row else came.revisions,
            tuple(str(one) for one in came.findings if one.sessions[-1] == day),
            came.splits,
        )
        for row, day in enumerate(sessions)
    )
