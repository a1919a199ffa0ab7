"""Console: a message as a few styled lines on a terminal, or plain lines in a log."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import SecretStr
from rich.console import Console, OverflowMethod
from rich.text import Text

from alerts.channels.channel import Channel, Found, Pace, PermanentError, Sighting, UnknownOutcomeError
from alerts.channels.kind import ChannelKind, ChannelSection
from alerts.message import Event, Message, Severity
from alerts.render_phrases import count, evidence, label, measured, one_line, trading
from alerts.render_text import render_text

_STYLES = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "blue"}
_LABEL_WIDTH = 8  # the longest label
_INDENT = " " * (len("2026-03-12") + 2)


class ConsoleSettings(ChannelSection):
    """The terminal, or wherever standard output goes."""

    enabled: bool = True


class ConsoleForm(StrEnum):
    """How much of a message the console shows."""

    COMPACT = "compact"
    FULL = "full"


class ConsoleChannel:
    """Writes messages through a `rich` console, also above a live progress bar on the same console.

    The compact form is one line (session, severity, title) and at most two below it: what was done
    about trading, and the worst finding. A terminal cuts a line at its width; a file or a pipe gets
    every line whole. Markup and control characters of a message are shown or dropped, never obeyed.

    Args:
        console: Where to write; it is not closed.
        form: How much to show.
        name: Under which the configuration and the outbox know the channel.
    """

    def __init__(
        self, *, console: Console, form: ConsoleForm = ConsoleForm.COMPACT, name: str = "console"
    ) -> None:
        self._console = console
        self._form = form
        self._name = name
        self._broken = False

    @property
    def name(self) -> str:
        """The name under which the configuration and the outbox know it."""
        return self._name

    @property
    def pace(self) -> Pace:
        """How fast it may be written to: a terminal takes what it gets."""
        return Pace(per_s=1000.0, burst=1000)

    @property
    def edits(self) -> bool:
        """No: a line stays as it was printed."""
        return False

    async def send(self, message: Message, *, living: str = "") -> str:
        """Write the message and return "": a console gives no reference.

        Raises:
            PermanentError: The reader of the console is gone.
            UnknownOutcomeError: Writing failed half-way, as on a full disk.
        """
        if self._broken:
            raise PermanentError(f"{self._name}: the reader of the console is gone")
        compact = self._form is ConsoleForm.COMPACT
        text = self._encodable(_compact(message) if compact else _full(message))
        cut = compact and self._console.is_terminal
        try:
            # In one call, so that no other line gets between the lines of a message.
            self._console.print(text, no_wrap=True, overflow=self._overflow(cut), crop=cut)
        except (BrokenPipeError, SystemExit):
            # rich turns a broken pipe into SystemExit; a closed pager must not end the process
            # that guards trading.
            self._broken = True
            raise PermanentError(f"{self._name}: the reader of the console is gone") from None
        except OSError as error:
            raise UnknownOutcomeError(
                f"{self._name}: cannot write to the console: {error.strerror}"
            ) from error
        return ""

    async def find(self, message: Message, *, living: str = "") -> Found:
        """Answer `UNKNOWABLE`: what stands on a terminal cannot be asked."""
        return Found(Sighting.UNKNOWABLE)

    async def check(self) -> None:
        """Raise `PermanentError` where the console can take nothing any more."""
        if self._broken or self._console.file.closed:
            raise PermanentError(f"{self._name}: the reader of the console is gone")

    async def aclose(self) -> None:
        """Do nothing: the console belongs to the caller."""

    def _overflow(self, cut: bool) -> OverflowMethod:
        if not cut:
            return "ignore"
        return "crop" if self._console.options.ascii_only else "ellipsis"

    def _encodable(self, text: Text) -> Text:
        """Return the text with `?` for what the console's encoding does not have (an ASCII log)."""
        encoding = self._console.encoding
        safe = text.plain.encode(encoding, "replace").decode(encoding)
        return Text(safe, spans=text.spans)


def _style(message: Message) -> str:
    return "green" if message.event is Event.RESOLVED else _STYLES[message.severity]


def _compact(message: Message) -> Text:
    style = _style(message)
    text = Text()
    text.append(f"{one_line(message.session)}  ", "dim")
    text.append(f"{label(message).upper():<{_LABEL_WIDTH}}", style)
    text.append(f"  {one_line(message.title)}", "bold")
    if done := trading(message):
        text.append(f"\n{_INDENT}{done}", style)
    if message.findings:
        worst = message.findings[0]
        others = count(message) - 1
        text.append(f"\n{_INDENT}{one_line(worst.subject)} {measured(worst)}")
        rest = [part for part in (evidence(worst), f"{others:,} more" if others else "") if part]
        text.append("".join(f" · {part}" for part in rest), "dim")
    return text


def _full(message: Message) -> Text:
    headline, _, rest = render_text(message).rstrip().partition("\n")
    return Text.assemble((headline, _style(message)), "\n", rest, "\n")


def _make(settings: ConsoleSettings, secrets: Mapping[str, SecretStr]) -> Channel:
    return ConsoleChannel(console=Console(highlight=False))


KIND = ChannelKind("console", ConsoleSettings, _make)
