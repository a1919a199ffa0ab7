"""`forewarn check` and `forewarn alerts test`, as a person meets them, against real receivers."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from alerts.message import Event
from daemon.checks import Standing, check_store
from daemon.cli.main import main
from daemon.clock import SystemClock
from daemon.commands.check import compose_test
from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from tests.daemon.replays import write_prices
from tests.stand_ins.slack import SlackMode, SlackStandIn
from tests.stand_ins.smtp import SmtpMode, SmtpStandIn
from tests.stand_ins.webhook import SECRET, WebhookStandIn

T = TypeVar("T", bound=AbstractAsyncContextManager[Any])


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def parts(self) -> dict[str, dict[str, str]]:
        return {one["part"]: one for one in json.loads(self.out)["checks"]}


Forewarn = Callable[..., Done]


@pytest.fixture
def forewarn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Forewarn:
    """Run the command line in this process, with prices that need no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, config: str = "") -> Done:
        (tmp_path / "config.toml").write_text(
            f'[market]\nprovider = "file"\nprices_file = "{tmp_path}/prices.parquet"\n{config}'
        )
        monkeypatch.setattr(sys, "argv", ["forewarn", *words, "--config", "config.toml"])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capfd.readouterr()
        return Done(code, out, err)

    return run


@contextmanager
def serving(stand_in: T) -> Iterator[T]:
    """Run a stand-in on a loop of its own, in a thread: the command runs one itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(stand_in.__aenter__(), loop).result(10)
        try:
            yield stand_in
        finally:
            asyncio.run_coroutine_threadsafe(stand_in.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def mail(port: int) -> str:
    return (
        f'[channels.email]\nenabled = true\nhost = "127.0.0.1"\nport = {port}\ntls = "none"\n'
        'sender = "forewarn@example.org"\nrecipients = ["anna@example.org"]\n'
    )


class TestCheck:
    def test_every_part_is_named_and_a_channel_that_is_off_is_left_alone(self, forewarn: Forewarn) -> None:
        parts = forewarn("check", "--json").parts
        assert list(parts) == [
            "configuration",
            "store",
            "calendar",
            "prices file",
            "channel console",
            "channel email",
            "channel slack",
            "channel webhook",
        ]
        assert parts["channel email"]["standing"] == "off"
        assert parts["channel console"]["standing"] == "ok"
        assert "XNYS, known to" in parts["calendar"]["said"]

    def test_files_beside_the_bars_are_read_and_a_faulty_one_is_named(
        self, forewarn: Forewarn, tmp_path: Path
    ) -> None:
        told = 'short_volume = "folder"\nshort_volume_folder = "posted"\nsplits_file = "splits.csv"\n'
        (tmp_path / "splits.csv").write_text("ticker,session,ratio\nAAPL,2020-08-31,4:1\n")
        (tmp_path / "posted").mkdir()
        done = forewarn("check", "--json", config=told)
        found = done.parts["beside the bars"]
        assert (done.code, found["standing"]) == (1, "wrong")
        assert found["said"] == "splits.csv: row 1: ratio '4:1' is no number above 0"
        assert found["fix"] == "write 4 for 4:1, and 0.1 for 1:10"
        (tmp_path / "splits.csv").write_text("ticker,session,ratio\nAAPL,2020-08-31,4\n")
        found = forewarn("check", "--json", config=told).parts["beside the bars"]
        assert found["standing"] == "ok"
        assert found["said"].startswith("short volume: folder, minutes: none, splits of 1 of ")

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            ('customers_file = "gone.csv"', "gone.csv: there is no such file"),
            ('short_volume = "folder"\nshort_volume_folder = "gone"', "there is no folder gone"),
            ('minutes = "folder"\nminutes_folder = "gone"', "there is no folder gone"),
            ('minutes = "file"\nminutes_file = "gone.csv"', "gone.csv: No such file or directory"),
        ],
    )
    def test_what_is_not_there_beside_the_bars_is_named(
        self, forewarn: Forewarn, told: str, said: str
    ) -> None:
        done = forewarn("check", "--json", config=told)
        found = done.parts["beside the bars"]
        assert (done.code, found["standing"], said in found["said"]) == (1, "wrong", True)

    def test_a_store_that_does_not_exist_is_not_created(self, forewarn: Forewarn, tmp_path: Path) -> None:
        store = forewarn("check", "--json").parts["store"]
        assert (store["standing"], store["said"]) == (
            "ok",
            "sqlite:///forewarn.db is new: `forewarn run` creates it",
        )
        assert not (tmp_path / "forewarn.db").exists()

    def test_a_missing_price_file_is_named_with_the_way_out(self, forewarn: Forewarn) -> None:
        done = forewarn("check")
        assert done.code == 1
        assert "prices.parquet: there is no such file" in done.out
        assert "-> mend it, or set market.provider" in done.out
        assert "1 of 8 parts will not do." in done.out

    def test_prices_that_ended_long_ago_will_not_do(self, forewarn: Forewarn, tmp_path: Path) -> None:
        write_prices(tmp_path)
        prices = forewarn("check", "--json").parts["prices file"]
        assert prices["standing"] == "wrong"
        assert "no bar of AAPL since" in prices["said"]

    def test_channels_that_would_take_a_message_get_none(
        self, forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with (
            serving(SmtpStandIn()) as server,
            serving(SlackStandIn()) as slack,
            serving(WebhookStandIn()) as hook,
        ):
            monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL", slack.url)
            monkeypatch.setenv("FOREWARN_WEBHOOK_SECRET", SECRET)
            config = (
                f"{mail(server.port)}[channels.slack]\nenabled = true\n"
                f'[channels.webhook]\nenabled = true\nurl = "{hook.url}"\n'
            )
            parts = forewarn("check", "--json", config=config).parts
            assert {parts[f"channel {name}"]["said"] for name in ("email", "slack", "webhook")} == {
                "would take a message"
            }
            assert (server.read, slack.posts, hook.taken) == ([], [], {})

    def test_a_channel_that_cannot_authenticate_is_found_and_says_what_to_mend(
        self, forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serving(SlackStandIn()) as slack, serving(SmtpStandIn(mode=SmtpMode.UNKNOWN_AT_RCPT)) as server:
            slack.mode = SlackMode.INVALID_TOKEN
            monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL", slack.url)
            done = forewarn(
                "check", "--json", config=f"{mail(server.port)}[channels.slack]\nenabled = true\n"
            )
        assert done.code == 1
        found = done.parts["channel slack"]
        assert (
            found["said"]
            == "127.0.0.1 answered 403 (invalid_token); make a new webhook and set FOREWARN_SLACK_WEBHOOK_URL"
        )
        assert found["fix"].startswith("mend [channels.slack] or FOREWARN_SLACK_WEBHOOK_URL")
        assert done.parts["channel email"]["said"].endswith("refuses anna@example.org (550)")
        assert done.parts["channel email"]["fix"] == "mend [channels.email]"
        assert "tokentoken" not in done.out + done.err

    def test_a_receiver_that_is_away_is_no_matter_of_settings(self, forewarn: Forewarn) -> None:
        found = forewarn("check", "--json", config=mail(1)).parts["channel email"]
        assert found["standing"] == "wrong"
        assert found["fix"] == "see whether the receiver can be reached from here, then check again"

    @pytest.mark.parametrize("json", [True, False])
    def test_a_configuration_that_cannot_be_read_is_the_only_thing_told(
        self, forewarn: Forewarn, *, json: bool
    ) -> None:
        done = forewarn("check", *(["--json"] if json else []), config="[channels.slak]\nenabled = true\n")
        assert done.code == 3
        assert "did you mean 'slack'?" in done.out
        assert "calendar" not in done.out

    def test_an_unknown_calendar_names_the_nearest(self, forewarn: Forewarn) -> None:
        done = forewarn("check", "--json", config='calendar = "XNYX"\n')
        assert done.code == 1
        assert "XNYS" in done.parts["calendar"]["said"]

    async def test_a_store_that_is_behind_names_what_upgrades_it(self, new_url: Callable[[], str]) -> None:
        store = Database(new_url())
        try:
            async with store.write():  # it exists now, without a schema
                pass
            found = await check_store(store)
            assert "forewarn db upgrade" in found.fix or "`forewarn run` upgrades it" in found.said
            assert found.standing is (Standing.OK if store.is_sqlite else Standing.WRONG)
            await upgrade(store)
            found = await check_store(store)
            assert (found.standing, found.fix) == (Standing.OK, "")
            assert found.said.endswith("no session was judged yet")
        finally:
            await store.aclose()

    def test_a_folder_nobody_may_write_to_is_found(self, forewarn: Forewarn) -> None:
        store = forewarn("check", "--json", "--database", "sqlite:////nowhere/at/all/x.db").parts["store"]
        assert (store["standing"], store["fix"]) == ("wrong", "name another --database")


class TestSendTest:
    def test_a_mail_arrives_with_a_chart_and_its_id_is_told(self, forewarn: Forewarn) -> None:
        with serving(SmtpStandIn()) as server:
            done = forewarn("alerts", "test", "email", config=mail(server.port))
            (taken,) = server.taken
        assert done.code == 0
        assert "email took the message test/" in done.out
        assert taken.mail["Message-ID"] in done.out
        assert taken.mail["Subject"] == "[Forewarn] Test: Forewarn reaches you through email"
        assert "image/png" in {part.get_content_type() for part in taken.mail.walk()}

    def test_a_refusal_is_told_in_the_receivers_words(self, forewarn: Forewarn) -> None:
        with serving(SmtpStandIn(mode=SmtpMode.REFUSE_TEXT)) as server:
            done = forewarn("alerts", "test", "email", "--json", config=mail(server.port))
        told = json.loads(done.out)
        assert done.code == 1
        assert (told["sent"], told["kind"]) == (False, "PermanentError")
        assert "554 5.7.1 looks like spam" in told["error"]

    def test_a_channel_that_is_off_is_tested_and_said_to_be_off(self, forewarn: Forewarn) -> None:
        with serving(SmtpStandIn()) as server:
            off = mail(server.port).replace("enabled = true", "enabled = false")
            done = forewarn("alerts", "test", "email", config=off)
            assert len(server.taken) == 1
        assert done.code == 0
        assert "No alert goes there yet: set channels.email.enabled = true." in done.out

    @pytest.mark.parametrize(
        ("channel", "config", "told"),
        [
            ("mail", "", "there is no channel 'mail'; did you mean 'email'?"),
            ("email", "", "channels.email: recipients is empty; name at least one address"),
            ("slack", "", "its secret is missing: set FOREWARN_SLACK_WEBHOOK_URL"),
            ("webhook", "", "channels.webhook: url must be https://HOST/PATH"),
        ],
    )
    def test_a_channel_that_is_not_set_up_says_what_is_missing(
        self, forewarn: Forewarn, channel: str, config: str, told: str
    ) -> None:
        done = forewarn("alerts", "test", channel, config=config)
        assert done.code == 3
        assert told in done.err

    def test_an_unfit_key_is_told_without_a_traceback(
        self, forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FOREWARN_WEBHOOK_SECRET", "c2hvcnQ=")
        done = forewarn(
            "alerts", "test", "webhook", config='[channels.webhook]\nurl = "https://example.org/"\n'
        )
        assert done.code == 3
        assert "channels.webhook: webhook_secret must be base64 of 24 to 64 bytes" in done.err
        assert "c2hvcnQ=" not in done.err

    def test_two_tests_are_two_messages(self) -> None:
        clock = SystemClock()
        first, second = (compose_test("email", clock.now()) for _ in range(2))
        assert first.key != second.key
        assert first.event is Event.TEST
