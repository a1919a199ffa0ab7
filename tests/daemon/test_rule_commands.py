"""`forewarn rules` and `forewarn alerts`, run in this process against a store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from alerts.message import Severity
from alerts.rule import Action, Rule
from daemon.cli.app import app
from daemon.commands.alerts import read_span
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import ConfigError
from daemon.configuration.default_rules import DEFAULT_RULES
from daemon.storage.database import Database
from daemon.storage.migrate import upgrade
from daemon.verbs import VerbError
from tests.alerts.cases import BAD, GOOD
from tests.daemon.judged import Court

CONFIG = """
[rules.halt]
metric = "psi"
summary = "It breaks"
threshold = 0.2
severity = "critical"
action = "halt"
"""
HALT = Rule("halt", "psi", "It breaks", threshold=0.2, severity=Severity.CRITICAL, action=Action.HALT)


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A store in which `halt` fired on the third of five sessions and was over on the fifth."""
    store = Database(f"sqlite:///{tmp_path}/store.db", durable=False)
    await upgrade(store)
    court = Court(store, (HALT,), now=datetime.now(UTC) - timedelta(days=5))
    for value in (GOOD, GOOD, BAD, BAD):
        await court.hear(a=value, b=GOOD)
    yield f"sqlite:///{tmp_path}/store.db"
    await store.aclose()


@pytest.fixture
def run(tmp_path: Path, url: str) -> Callable[..., Result]:
    (tmp_path / "config.toml").write_text(CONFIG)

    def call(*words: str, store: bool = True) -> Result:
        options = ["--config", str(tmp_path / "config.toml"), *(["--database", url] if store else [])]
        return CliRunner().invoke(app, [*words, *options], env={"COLUMNS": "160"})

    return call


def load(tmp_path: Path, text: str) -> str:
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    return str(caught.value)


class TestAlerts:
    def test_the_list_shows_what_fires_and_who_has_it(self, run: Callable[..., Result]) -> None:
        shown = run("alerts", "list").stdout
        assert "firing" in shown
        assert "halt/a" in shown
        assert "> 0.2" in shown
        assert "halt/b" not in shown
        assert run("alerts", "ack", "halt", "--by", "anna").exit_code == 0
        assert "anna has it" in run("alerts", "list").stdout

    def test_the_list_as_json_holds_marks_and_reasons(self, run: Callable[..., Result]) -> None:
        (alert,) = json.loads(run("alerts", "list", "--json").stdout)["alerts"]
        assert (alert["fingerprint"], alert["group"], alert["severity"]) == ("halt/a", "halt", "critical")
        assert (alert["marks"]["reason"], alert["marks"]["silenced"]) == ("first", False)

    def test_the_timeline_says_what_happened_who_was_told_and_why(self, run: Callable[..., Result]) -> None:
        run("alerts", "ack", "halt", "--by", "anna")
        for name in ("halt", "halt/a"):
            shown = run("alerts", "show", name).stdout
            assert "halt/a: inactive -> firing at 0.9" in shown
            assert "halt/1 firing to slack: pending" in shown
            assert "told: it began to fire" in shown
            assert "anna: acknowledged halt/a" in shown

    def test_a_silence_is_made_listed_and_ended(self, run: Callable[..., Result]) -> None:
        made = run("alerts", "silence", "ha*", "--for", "1h", "--reason", "known", "--by", "anna")
        assert "Silence 1: ha* / * is not told until" in made.stdout
        (silence,) = json.loads(run("alerts", "silences", "--json").stdout)["silences"]
        assert (silence["rule"], silence["actor"], silence["reason"]) == ("ha*", "anna", "known")
        assert "known" in run("alerts", "silences").stdout
        assert run("alerts", "expire", "1").exit_code == 0
        assert "Nothing is silenced" in run("alerts", "silences").stdout
        assert "known" in run("alerts", "silences", "--all").stdout

    def test_what_a_person_writes_is_printed_as_it_is(self, run: Callable[..., Result]) -> None:
        for glob in ("ha[l]t", "[red]", "[[]/x]"):
            made = run("alerts", "silence", glob, "--for", "1h", "--reason", "[/b]", "--by", "[dim]")
            assert made.exit_code == 0
            assert f": {glob} / * is not told until" in made.stdout
            assert glob in run("alerts", "silences").stdout

    def test_a_silence_over_no_rule_says_so(self, run: Callable[..., Result]) -> None:
        made = run("alerts", "silence", "helt", "--for", "1h", "--reason", "known")
        assert "No rule in force has such a name" in made.stdout

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (("ack", "helt"), "nothing called 'helt' is open"),
            (("show", "helt"), "no alert and no group is called 'helt'"),
            (("expire", "4"), "there is no silence 4"),
            (("silence", "halt", "--for", "1y", "--reason", "x"), "'1y' is no span of time"),
            (("silence", "[ha", "--for", "1h", "--reason", "x"), "rule or group = '[ha': its [ is never"),
            (("silence", "h" * 201, "--for", "1h", "--reason", "x"), "201 characters; the limit is 200"),
            (("silence", "a\x00b", "--for", "1h", "--reason", "x"), "leave out what is not printable"),
            (("silence", "h", "--for", "1h", "--reason", "x", "--by", "b" * 65), "65 characters; the limit"),
            (("ack", "halt", "--by", "b" * 65), "65 characters; the limit is 64"),
            (("expire", "1", "--by", "b" * 65), "65 characters; the limit is 64"),
        ],
    )
    def test_what_cannot_be_done_is_refused(
        self, run: Callable[..., Result], words: tuple[str, ...], text: str
    ) -> None:
        done = run("alerts", *words)
        assert isinstance(done.exception, VerbError)
        assert text in str(done.exception)

    @pytest.mark.parametrize(
        ("text", "hours"), [("30m", 0.5), ("1h", 1), ("2d", 48), ("1w", 168), ("1.5h", 1.5)]
    )
    def test_a_span_of_time_is_read_as_people_write_it(self, text: str, hours: float) -> None:
        assert read_span(text) == timedelta(hours=hours)


class TestRulesCheck:
    def test_every_rule_is_said_in_a_sentence_with_its_false_alarms(self, run: Callable[..., Result]) -> None:
        done = run("rules", "check", store=False)
        text = " ".join(done.stdout.split())
        assert done.exit_code == 0
        assert "It breaks. Fires when the population stability index of a feature (psi) is above 0.2;" in text
        assert "it is told as critical and lets nothing pass until a person resumes" in text
        assert "by chance alone it fires 15.6 times a calm year" in text

    def test_a_metric_that_no_monitor_measures_is_doubted(
        self, run: Callable[..., Result], tmp_path: Path
    ) -> None:
        path = tmp_path / "config.toml"
        path.write_text('[rules.mine]\nmetric = "queue_of_mine"\nsummary = "x"\nthreshold = 1')
        done = run("rules", "check", "--json", store=False)
        assert done.exit_code == 1
        assert json.loads(done.stdout)["doubts"] == [
            "rules.mine: no monitor measures 'queue_of_mine', so the rule only fires on readings that "
            "another program posts"
        ]

    @pytest.mark.parametrize(
        ("text", "severity", "said"),
        [
            (
                "[channels.console]\nenabled = false",
                "critical",
                "channels: none is enabled, so nobody is told",
            ),
            (
                '[channels.console]\nmin_severity = "critical"',
                "warning",
                "rules.halt: no channel takes severity warning (channels.console.min_severity = critical",
            ),
            (
                '[[alerts.routes]]\nname = "n"\nchannels = ["console"]\nseverities = ["warning"]',
                "critical",
                "rules.halt: no route takes severity critical; end alerts.routes with one of rules",
            ),
            ('[channels.console]\nmin_severity = "critical"', "critical", ""),
            ("", "info", ""),
        ],
    )
    def test_a_rule_of_which_nobody_is_told_is_doubted_unless_it_is_for_information(
        self, run: Callable[..., Result], tmp_path: Path, text: str, severity: str, said: str
    ) -> None:
        off = "".join(f'[rules."{name}"]\nenabled = false\n' for name in DEFAULT_RULES)
        halt = CONFIG.replace("critical", severity)
        (tmp_path / "config.toml").write_text(f"{text}\n{off}{halt}")
        done = run("rules", "check", "--json", store=False)
        doubts = json.loads(done.stdout)["doubts"]
        assert [doubt[: len(said)] for doubt in doubts] == ([said] if said else [])
        assert done.exit_code == bool(said)

    def test_what_is_only_for_information_and_told_to_nobody_is_named(
        self, run: Callable[..., Result]
    ) -> None:
        text = " ".join(run("rules", "check", store=False).stdout.split())
        assert (
            "Nobody is told of these; the page and `forewarn alerts list` show them: calibration_gap" in text
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('[rules.mine]\nmetric = "drawdwn"\nsummary = "x"\nthreshold = 1', "did you mean 'drawdown'?"),
            ('[rules.market_break]\ngroup = "delivery"', "the group 'delivery' is Forewarn's own"),
            ('[rules.market_break]\ninhibited_by = ["bars_mising"]', "did you mean 'bars_missing'?"),
            ('[rules.bars_missing]\ninhibited_by = ["drift_evidence"]', "inhibit each other in a circle"),
            ('[rules."a/b"]\nmetric = "psi"\nsummary = "x"\nthreshold = 1', "no slash"),
            ('[[alerts.routes]]\nname = "n"\nchannels = ["slak"]', "did you mean 'slack'?"),
            ('[[alerts.routes]]\nname = "n"\nchannels = ["email"]', "channels.email.enabled = true"),
            ('[[alerts.routes]]\nname = "n"\nchannels = []', "alerts.routes.n.channels is empty"),
            (
                '[[alerts.routes]]\nname = "n"\nchannels = ["console"]\nescalate_minutes = 5',
                "escalate_minutes and escalate_to belong together",
            ),
            (
                '[[alerts.windows]]\nname = "w"\nbegins = "8"\nends = "25:00"\nzone = "Mars"',
                "no such time zone",
            ),
            ("[alerts]\ntick_second = 5", "did you mean 'tick_seconds'?"),
        ],
    )
    def test_what_cannot_be_used_is_refused_with_the_file_and_the_fix(
        self, tmp_path: Path, text: str, said: str
    ) -> None:
        error = load(tmp_path, text)
        assert error.startswith(str(tmp_path / "other.toml"))
        assert said in error


class TestRulesTest:
    def rehearse(self, run: Callable[..., Result], *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("rules", "test", "--json", *words).stdout)
        return found

    def test_it_says_what_would_have_fired_been_told_and_paused(self, run: Callable[..., Result]) -> None:
        found = self.rehearse(run)
        assert (found["first"], found["last"], found["sessions"]) == ("2024-01-03", "2024-01-06", 4)
        line = next(one for one in found["lines"] if one["rule"] == "halt")
        assert (line["fired"], line["sessions"], line["told"]) == (1, 2, 1)
        (closure,) = found["closures"]
        assert (closure["start"], closure["end"], closure["state"]) == ("2024-01-05", None, "HALTED")
        told = [(one["session"], one["group"], one["reason"]) for one in found["told"]]
        assert told == [("2024-01-05", "halt", "first")]

    def test_a_span_leaves_out_what_lies_before_and_after(self, run: Callable[..., Result]) -> None:
        assert self.rehearse(run, "--to", "2024-01-04")["closures"] == []
        assert self.rehearse(run, "--from", "2024-01-06")["sessions"] == 1

    def test_the_table_is_for_people(self, run: Callable[..., Result]) -> None:
        shown = run("rules", "test").stdout
        assert "Trading would have been paused" in shown
        assert "2024-01-05 to the end" in shown
        assert "People would have been told" in shown

    def test_a_span_that_ends_before_it_begins_is_refused(self, run: Callable[..., Result]) -> None:
        done = run("rules", "test", "--from", "2024-01-06", "--to", "2024-01-03")
        assert done.exit_code == 2
        assert "--from 2024-01-06 is after --to 2024-01-03; swap them" in " ".join(done.stderr.split())

    def test_without_readings_it_says_so(self, run: Callable[..., Result]) -> None:
        assert "No reading is stored" in run("rules", "test", "--from", "2030-01-01").stdout


RULE = '[rules.odd]\nmetric = "psi"\nsummary = "Odd"\nthreshold = 0.2\nsubject = "{glob}"\n'


@pytest.mark.parametrize(
    ("glob", "words"),
    [
        ("rsi_[14", "rules.odd.subject = 'rsi_[14': its [ is never closed"),
        ("[]", "its [ is never closed"),
        ("a[bc]d[", "its [ is never closed"),
        ("", 'it matches nothing; write "*"'),
    ],
)
def test_a_subject_that_is_no_glob_is_named_with_the_fix(tmp_path: Path, glob: str, words: str) -> None:
    assert words in load(tmp_path, RULE.format(glob=glob))


@pytest.mark.parametrize("glob", ["*", "rsi_[0-9]*", "[!a]x", "[]]", "a[[]b", "plain"])
def test_a_subject_that_is_one_is_taken(tmp_path: Path, glob: str) -> None:
    path = tmp_path / "fine.toml"
    path.write_text(RULE.format(glob=glob))
    assert load_settings(path).rules["odd"].subject == glob


def test_a_broken_glob_of_a_route_or_a_window_is_named(tmp_path: Path) -> None:
    route = '[[alerts.routes]]\nname = "r"\nrules = ["x["]\nchannels = ["console"]\n'
    assert "alerts.routes.r.rules = 'x['" in load(tmp_path, route)
    window = '[[alerts.windows]]\nname = "w"\nbegins = "22:00"\nends = "06:00"\nzone = "UTC"\nsubject = "["\n'
    assert "alerts.windows.w.subject = '['" in load(tmp_path, window)
