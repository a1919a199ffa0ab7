"""A channel is one file: what it takes to add one, and what finds it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.channels import kinds
from alerts.channels.kind import ChannelSection
from daemon.configuration.settings import PREFIX

ROOT = Path(__file__).parents[2]

PIGEON = '''
"""Carries messages by pigeon: into a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from alerts.channels.channel import Channel, Found, Pace, PermanentError, Sighting
from alerts.channels.kind import ChannelKind, ChannelSection
from alerts.message import Message


class PigeonSettings(ChannelSection):
    loft: str = ""

    def secrets_needed(self) -> Mapping[str, str]:
        return {"pigeon_name": "is enabled"}


class PigeonChannel:
    name = "pigeon"
    pace = Pace(per_s=1.0)
    edits = False

    def __init__(self, loft: Path, bird: str) -> None:
        self._loft, self._bird = loft, bird

    async def send(self, message: Message, *, living: str = "") -> str:
        self._loft.write_text(f"{self._bird} carries {message.title}")
        return "ring 7"

    async def find(self, message: Message, *, living: str = "") -> Found:
        return Found(Sighting.ARRIVED if self._loft.exists() else Sighting.ABSENT)

    async def check(self) -> None:
        if not self._loft.parent.exists():
            raise PermanentError("pigeon: there is no loft")

    async def aclose(self) -> None: ...


def make(settings: PigeonSettings, secrets: Mapping[str, SecretStr]) -> Channel:
    return PigeonChannel(Path(settings.loft), secrets["pigeon_name"].get_secret_value())


KIND = ChannelKind("pigeon", PigeonSettings, make, ("pigeon_name",))
'''

# One process for a whole story, because the settings are built once a process. The folder of the new file
# stands in for alerts/channels itself. Each act is (environment, words of the command line).
STORY = """
import contextlib, io, json, os, sys
import alerts.channels
folder, acts = sys.argv[1], json.loads(sys.argv[2])
alerts.channels.__path__.append(folder)
from daemon.cli.main import main

def play(environment, words):
    os.environ.update(environment)
    sys.argv = ["forewarn", *words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}

print(json.dumps([play(*act) for act in acts]))
"""
DELIVERY = """
import sys
from pathlib import Path
import alerts.channels
alerts.channels.__path__.append(sys.argv[1])
from daemon.delivery.channels import channel_levels, make_channels
from daemon.configuration.config import load_settings
settings = load_settings(Path(sys.argv[1]) / "config.toml")
print([name for name, _ in channel_levels(settings)], [one.name for one, _ in make_channels(settings)])
"""

Act = tuple[dict[str, str], list[str]]


def run(program: str, *arguments: str, **environment: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    done = subprocess.run(  # noqa: S603 -- our own program
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=own | environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return done.stdout


def play(folder: Path, *acts: Act) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(run(STORY, str(folder), json.dumps(acts)))
    return told


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pigeon.py").write_text(PIGEON)
    (tmp_path / "prices.csv").write_text("date,ticker,open,high,low,close,volume\n")
    (tmp_path / "config.toml").write_text(
        f'[channels.pigeon]\nenabled = true\nloft = "{tmp_path}/loft"\n'
        f'[market]\nprovider = "file"\nprices_file = "{tmp_path}/prices.csv"\n'
    )
    return tmp_path


def test_a_channel_that_is_dropped_in_is_configured_checked_and_sent_through(folder: Path) -> None:
    (folder / "typo.toml").write_text("[channels.pigeon]\nlofft = 3\n")
    config, typo = (["--config", str(folder / name)] for name in ("config.toml", "typo.toml"))
    bird = {"FOREWARN_PIGEON_NAME": "Gustav"}
    misspelt, without, sent, checked = play(
        folder,
        ({}, ["alerts", "test", "pigeon", *typo]),
        ({}, ["alerts", "test", "pigeon", *config]),
        (bird, ["alerts", "test", "pigeon", "--json", *config]),
        (bird, ["check", "--json", "--database", f"sqlite:///{folder}/x.db", *config]),
    )
    assert misspelt["code"] == 3
    assert "unknown key 'channels.pigeon.lofft'; did you mean 'loft'?" in misspelt["err"]
    assert without["code"] == 3
    assert "channels.pigeon is enabled but its secret is missing: set FOREWARN_PIGEON_NAME" in without["err"]
    assert json.loads(sent["out"])["reference"] == "ring 7"
    assert (folder / "loft").read_text() == "Gustav carries Forewarn reaches you through pigeon"
    found = {one["part"]: one["standing"] for one in json.loads(checked["out"])["checks"]}
    assert found["channel pigeon"] == "ok"


def test_a_channel_that_is_dropped_in_is_delivered_to(folder: Path) -> None:
    told = run(DELIVERY, str(folder), FOREWARN_PIGEON_NAME="Gustav")
    assert told == "['console', 'pigeon'] ['console', 'pigeon']\n"


def test_the_kinds_that_ship_are_these() -> None:
    assert list(kinds()) == ["console", "email", "slack", "webhook"]
    assert all(name == kind.name for name, kind in kinds().items())


@pytest.mark.parametrize("name", kinds())
def test_every_kind_has_defaults_and_needs_only_secrets_that_it_names(name: str) -> None:
    settings: ChannelSection = kinds()[name].settings()
    assert set(settings.secrets_needed()) <= set(kinds()[name].secrets)
    with pytest.raises(ValidationError, match="frozen"):
        settings.enabled = True  # type: ignore[misc]


def test_the_manual_names_every_secret_and_every_channel() -> None:
    manual = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
    for name, kind in kinds().items():
        assert name == "console" or f"[channels.{name}]" in manual
        for secret in kind.secrets:
            assert f"`{PREFIX}{secret.upper()}`" in manual


def test_no_secret_belongs_to_two_channels() -> None:
    secrets = [secret for kind in kinds().values() for secret in kind.secrets]
    assert len(secrets) == len(set(secrets))


def test_reading_the_configuration_loads_no_network_library() -> None:
    heavy = ("aiohttp", "aiosmtplib", "slack_sdk", "matplotlib")
    loaded = run(
        "import sys\nfrom daemon.configuration.config import load_settings\nload_settings()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert loaded == "[]\n"
