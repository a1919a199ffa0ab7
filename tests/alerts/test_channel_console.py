from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console
from rich.progress import Progress

from alerts.channels.channel import Channel, Found, PermanentError, Sighting, UnknownOutcomeError
from alerts.channels.console import ConsoleChannel, ConsoleForm
from tests.stand_ins.golden import assert_golden
from tests.stand_ins.messages import EVENTS, FIRING, storm


def console_on(file: IO[str], *, terminal: bool = False, width: int = 100) -> Console:
    return Console(file=file, force_terminal=terminal, width=width, color_system=None, legacy_windows=False)


@pytest.mark.parametrize("form", ConsoleForm)
async def test_it_reads_as_when_it_was_last_read(form: ConsoleForm) -> None:
    written = io.StringIO()
    channel: Channel = ConsoleChannel(console=console_on(written), form=form)
    for message in EVENTS.values():
        assert await channel.send(message) == ""
    assert_golden(f"console_{form}", written.getvalue())


async def test_the_compact_form_is_at_most_three_lines_of_the_terminals_width() -> None:
    written = io.StringIO()
    await ConsoleChannel(console=console_on(written, terminal=True, width=60)).send(storm(60))
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 60
    assert lines[2].endswith("…")


async def test_a_log_file_gets_every_line_whole() -> None:
    written = io.StringIO()
    await ConsoleChannel(console=console_on(written, width=40)).send(storm(60))
    lines = written.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[2].endswith("59 more")


async def test_markup_and_escapes_are_shown_or_dropped_but_not_obeyed() -> None:
    written = io.StringIO()
    message = replace(FIRING, title="[red]not red[/red] \x1b[2Jcleared :bell:")
    await ConsoleChannel(console=console_on(written, terminal=True)).send(message)
    assert "[red]not red[/red] [2Jcleared :bell:" in written.getvalue()
    assert "\x1b[2J" not in written.getvalue()


async def test_a_critical_message_is_red_on_a_terminal() -> None:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=100, color_system="standard")
    await ConsoleChannel(console=console).send(FIRING)
    assert "\x1b[1;31mCRITICAL\x1b[0m" in written.getvalue()


async def test_it_writes_above_a_running_progress_bar() -> None:
    written = io.StringIO()
    console = console_on(written, terminal=True)
    with Progress(console=console, auto_refresh=False) as progress:
        progress.add_task("replay", total=10)
        await ConsoleChannel(console=console).send(FIRING)
        progress.refresh()
    shown = written.getvalue()
    assert shown.index("momentum_21") < shown.rindex("replay")


async def test_a_character_the_encoding_lacks_becomes_a_question_mark() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as written:
        await ConsoleChannel(console=console_on(written)).send(FIRING)
        written.flush()
        assert b"momentum_21 0.31 (limit > 0.2) ? p = 0.004" in raw.getvalue()


async def test_a_reader_that_left_is_a_permanent_failure_and_not_the_end_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class ClosedPipe(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    with (tmp_path / "stdout").open("w") as stdout:
        # rich points the process's standard output at nothing when a pipe breaks.
        monkeypatch.setattr("sys.stdout", stdout)
        channel = ConsoleChannel(console=console_on(ClosedPipe()))
        await channel.check()
        for _ in range(2):
            with pytest.raises(PermanentError, match="gone"):
                await channel.send(FIRING)
        with pytest.raises(PermanentError, match="gone"):
            await channel.check()


async def test_a_full_disk_leaves_the_outcome_unknown() -> None:
    class FullDisk(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(UnknownOutcomeError, match="No space left"):
        await ConsoleChannel(console=console_on(FullDisk())).send(FIRING)


async def test_what_stands_on_a_terminal_cannot_be_asked() -> None:
    written = io.StringIO()
    assert await ConsoleChannel(console=console_on(written)).find(FIRING) == Found(Sighting.UNKNOWABLE)
    assert written.getvalue() == ""
