from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from alerts.message import Severity
from alerts.rule import Action
from daemon.configuration.alert_settings import RuleSettings
from daemon.configuration.config import load_settings
from daemon.configuration.config_error import SECRETS, ConfigError
from daemon.configuration.default_rules import DEFAULT_RULES
from daemon.configuration.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.toml"
TOKEN = "T0K3N-that-nobody-may-read"
WEBHOOK = f"https://hooks.slack.com/services/{TOKEN}"

Load = Callable[[str], Settings]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Settings:
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return write_and_load


def refused(load: Load, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return str(caught.value)


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting's dotted name, but for the secrets and the rules."""
    for name, field in model.model_fields.items():
        if name in ("secrets", "rules"):
            continue
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys_of(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def keys_in(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from keys_in(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


WINDOW = '[[alerts.windows]]\nname = "w"\nzone = "UTC"\nbegins = "{}"\nends = "{}"\n'


class TestShippedFile:
    """The config.toml beside the packages says what happens without it."""

    def test_it_equals_the_defaults(self) -> None:
        assert load_settings(SHIPPED) == load_settings(None)

    def test_it_lists_every_setting_and_no_other(self) -> None:
        written = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
        written.pop("rules", None)
        assert sorted(keys_in(written)) == sorted(keys_of(Settings))

    def test_it_lists_every_default_rule_with_the_same_values(self) -> None:
        written = tomllib.loads(SHIPPED.read_text(encoding="utf-8")).get("rules", {})
        assert sorted(written) == sorted(DEFAULT_RULES)
        for name, rule in DEFAULT_RULES.items():
            assert RuleSettings(**written[name]) == RuleSettings(**rule), name
            assert sorted(written[name]) == sorted(rule), name

    def test_it_holds_no_secret(self) -> None:
        text = SHIPPED.read_text(encoding="utf-8")
        assert not any(line.lstrip().startswith(tuple(SECRETS)) for line in text.splitlines())


class TestDefaults:
    def test_without_a_file_everything_has_a_default(self) -> None:
        settings = load_settings()
        assert settings.database.url == "sqlite:///forewarn.db"
        assert settings.server.host == "127.0.0.1"
        assert (settings.channels.console.enabled, settings.channels.slack.enabled) == (True, False)
        assert not settings.channels.email.enabled
        assert settings.secrets == {}

    def test_an_empty_file_changes_nothing(self, load: Load) -> None:
        assert load("") == load_settings()

    def test_a_written_value_replaces_its_default_and_no_other(self, load: Load) -> None:
        settings = load("[trading]\nmax_weight = 0.1\n[channels.email]\nport = 25")
        assert (settings.trading.max_weight, settings.channels.email.port) == (0.1, 25)
        usual = load_settings()
        assert settings.trading.max_gross == usual.trading.max_gross
        assert settings.channels.email.tls == usual.channels.email.tls
        assert settings.forecast == usual.forecast

    def test_settings_cannot_be_changed_once_read(self) -> None:
        settings = load_settings()
        with pytest.raises(ValidationError, match="frozen"):
            settings.trading.cash = 5.0  # type: ignore[misc]
        with pytest.raises(ValidationError, match="frozen"):
            settings.trading = settings.trading  # type: ignore[misc]


class TestTypos:
    @pytest.mark.parametrize(
        ("text", "key", "meant"),
        [
            ("[traiding]\ncash = 1", "traiding", "trading"),
            ("smtp_pasword = 'x'", "smtp_pasword", "smtp_password"),
            ("[trading]\nmax_wieght = 0.1", "trading.max_wieght", "max_weight"),
            ("[schedule]\ncheck_second = 5", "schedule.check_second", "check_seconds"),
            ("[channels.slak]\nenabled = false", "channels.slak", "slack"),
            ("[channels.email]\nrecipient = []", "channels.email.recipient", "recipients"),
            ("[rules.drawdown_5pct]\ntreshold = 0.1", "rules.drawdown_5pct.treshold", "threshold"),
            ('[rules."psi_above_0.2"]\nsevereity = "info"', "rules.psi_above_0.2.severeity", "severity"),
        ],
    )
    def test_an_unknown_key_names_its_place_and_the_nearest_known_one(
        self, load: Load, text: str, key: str, meant: str
    ) -> None:
        assert f"config.toml: unknown key {key!r}; did you mean {meant!r}?" in refused(load, text)

    def test_an_unknown_key_that_resembles_none_lists_what_is_known(self, load: Load) -> None:
        text = refused(load, "[executor]\nzzz = 1")
        assert "unknown key 'executor.zzz'; known are kind, workers" in text

    def test_every_problem_is_told_at_once(self, load: Load) -> None:
        text = refused(load, "[trading]\ncahs = 1\nmax_gross = 2\n[server]\nport = -1")
        assert len(text.splitlines()) == 3

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ('[channels.slack]\nmode = "bott"', "channels.slack.mode = 'bott': input should be"),
            ('[channels.slack]\nmode = "bott"', "did you mean 'bot'?"),
            ('[channels.email]\ntls = "startls"', "did you mean 'starttls'?"),
            ('[channels.email]\nmin_severity = "Critical"', "did you mean 'critical'?"),
            ('[market]\nprovider = "yaho"', "did you mean 'yahoo'?"),
            ("[server]\nport = 70000", "; the nearest is 65535"),
            ("[monitors]\nwindow_sessions = 2", "; the nearest is 5"),
            ("[monitors]\nwindow_sessions = 20.7", "; the nearest is 21"),
            ('[server]\nport = "x"', "; the default is 8087"),
            ("[monitors]\nfalse_alarms_per_year = 0", "; the default is 0.25"),
            ('[channels.console]\nenabled = "maybe"', "; the default is true"),
            ('[executor]\nkind = "gpu"', '; the default is "process"'),
            ('[rules.drawdown_10pct]\naction = "panic"', '; the default is "close_only"'),
            ('[rules.drawdown_10pct]\nseverity = "urgent"', '; the default is "critical"'),
            ('[rules.drawdown_10pct]\nthreshold = "ten"', "; the default is 0.1"),
            ("[rules.drawdown_10pct]\nclear = 0.2", "; the nearest is 0.1"),
            ("[channels.webhok]\nenabled = true", "unknown key 'channels.webhok'; did you mean 'webhook'?"),
        ],
    )
    def test_a_value_that_is_none_names_the_nearest_that_is(self, load: Load, text: str, told: str) -> None:
        assert told in refused(load, text)

    def test_an_unknown_witness_names_the_nearest_rule(self, load: Load) -> None:
        text = refused(load, '[rules.market_break]\nconfirmed_by = ["drawdown_5pc"]')
        assert "rules.market_break.confirmed_by names 'drawdown_5pc', which is no rule in force" in text
        assert "did you mean 'drawdown_5pct'?" in text

    def test_a_witness_that_is_switched_off_is_no_rule_in_force(self, load: Load) -> None:
        text = refused(load, "[rules.drawdown_5pct]\nenabled = false")
        assert "rules.market_break.confirmed_by names 'drawdown_5pct', which is no rule in force" in text

    def test_a_typo_in_the_environment_is_told_too(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_TRADING__CAHS", "5")
        assert "unknown key 'trading.cahs'; did you mean 'cash'?" in refused(load, "")


class TestValues:
    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('[trading]\ncash = "lots"', "trading.cash = 'lots': input should be a valid number"),
            ("[trading]\ncash = 0", "trading.cash = 0: input should be greater than 0"),
            ("[trading]\nmin_confidence = 0.4", "trading.min_confidence = 0.4: input should be greater"),
            ("[trading]\nmax_weight = 1.5", "trading.max_weight = 1.5: input should be less than"),
            ("[trading]\nslippage_bp = nan", "trading.slippage_bp = nan: input should be a finite"),
            ("[server]\nport = 70000", "server.port = 70000: input should be less than or equal to 65535"),
            ("[server]\nhost = 1", "server.host = 1: input should be a valid string"),
            (
                "[market]\nhistory_sessions = 2.5",
                "market.history_sessions = 2.5: input should be a valid int",
            ),
            ('[market]\ntickers = "AAPL"', "market.tickers = 'AAPL': input should be a valid tuple"),
            ("[market]\ntickers = [1]", "market.tickers.0 = 1: input should be a valid string"),
            ('[executor]\nkind = "gpu"', "executor.kind = 'gpu': input should be 'process', 'thread' or"),
            ('[channels.console]\nmin_severity = "loud"', "channels.console.min_severity = 'loud'"),
            ("[channels.slack]\nenabled = 3", "channels.slack.enabled = 3: input should be a valid boolean"),
            ("trading = 5", "trading = 5: input should be a valid dictionary"),
            ('[market]\nprovider = "file"', 'market: provider = "file" needs prices_file'),
            ('[market]\nminutes = "file"', 'market: minutes = "file" needs minutes_file'),
            ('[market]\nminutes = "folder"', 'market: minutes = "folder" needs minutes_folder'),
            ('[market]\nminutes = "eodhd"', 'market: minutes = "eodhd" needs minutes_folder'),
            (
                '[market]\nminutes_file = "m.csv"',
                'market: minutes_file is not read with minutes = "none"; set minutes =',
            ),
            (
                '[market]\nshort_volume = "finra"\nshort_volume_folder = "."',
                'market: short_volume_folder is not read with short_volume = "finra"; set short_volume =',
            ),
            (
                '[market]\nminutes = "eodhd"\nminutes_folder = "."',
                "market asks eodhd but its secret is missing: set FOREWARN_EODHD_TOKEN",
            ),
            ("[channels.email]\nenabled = true", "channels.email: recipients is empty; name at least one"),
            (
                "[delivery]\nfallback_seconds = 1e11",
                "delivery.fallback_seconds = 100000000000.0: input should be less than or equal to 604800",
            ),
            ("[delivery]\nmax_age_hours = 1e10", "delivery.max_age_hours = 10000000000.0: input should be"),
            ("[delivery]\nsettle_seconds = 1e12", "delivery.settle_seconds = 1000000000000.0: input should"),
            (
                '[[alerts.routes]]\nname = "r"\nchannels = ["console"]\nrepeat_hours = 1e12',
                "alerts.routes.0.repeat_hours = 1000000000000.0: input should be less than or equal to 8784",
            ),
            (
                '[[alerts.routes]]\nname = "r"\nchannels = ["console"]\nseverities = []',
                "alerts.routes.0.severities = []: tuple should have at least 1 item",
            ),
            (WINDOW.format("22:00", "06:00") + "days = []", "alerts.windows.0.days = []: tuple should have"),
            (WINDOW.format("22:00Z", "06:00"), "alerts.windows.0.begins = '22:00Z': the time has a zone"),
            (WINDOW.format("22:00", "06:00+01:00"), "alerts.windows.0.ends = '06:00+01:00': the time has a"),
            (
                '[rules."a\\nb"]\nmetric = "vendor"\nthreshold = 1.0\nsummary = "x"',
                "'a\\nb' is no name; leave out what is not printable",
            ),
            (
                "[forecast]\nmin_train_sessions = 600\ntrain_sessions = 500",
                "forecast: min_train_sessions = 600 exceeds train_sessions = 500; lower the first",
            ),
        ],
    )
    def test_a_wrong_value_names_the_file_the_key_the_value_and_the_limit(
        self, load: Load, text: str, problem: str
    ) -> None:
        assert f"config.toml: {problem}" in refused(load, text)

    @pytest.mark.parametrize("key", ["cash", "target_volatility", "max_weight", "max_gross"])
    def test_no_limit_of_the_book_may_be_zero(self, load: Load, key: str) -> None:
        assert f"trading.{key}" in refused(load, f"[trading]\n{key} = 0.0")


class TestRules:
    def test_the_defaults_become_the_rules_in_force_in_the_order_of_their_names(self) -> None:
        rules = load_settings().rule_set()
        assert [rule.name for rule in rules] == sorted(DEFAULT_RULES)

    def test_one_key_of_a_default_rule_may_be_changed_alone(self, load: Load) -> None:
        settings = load("[rules.drawdown_10pct]\nthreshold = 0.12")
        changed = settings.rules["drawdown_10pct"]
        assert changed == RuleSettings(**DEFAULT_RULES["drawdown_10pct"] | {"threshold": 0.12})
        others = load_settings().rules
        assert {name for name in others if settings.rules[name] != others[name]} == {"drawdown_10pct"}

    def test_a_rule_may_be_switched_off(self, load: Load) -> None:
        settings = load('[rules."sharpe_drop_0.1"]\nenabled = false')
        names = [rule.name for rule in settings.rule_set()]
        assert "sharpe_drop_0.1" not in names
        assert len(names) == len(DEFAULT_RULES) - 1

    def test_a_rule_of_ones_own_is_added(self, load: Load) -> None:
        settings = load(
            '[rules.beta_drifts]\nmetric = "psi"\nsubject = "beta_*"\nsummary = "Betas drift"\n'
            'threshold = 0.3\nseverity = "critical"\naction = "halt"\nconfirmed_by = ["drawdown_5pct"]'
        )
        (rule,) = [rule for rule in settings.rule_set() if rule.name == "beta_drifts"]
        assert (rule.subject, rule.threshold) == ("beta_*", 0.3)
        assert (rule.severity, rule.action) == (Severity.CRITICAL, Action.HALT)
        assert rule.confirmed_by == ("drawdown_5pct",)
        assert len(settings.rule_set()) == len(DEFAULT_RULES) + 1

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('[rules.mine]\nmetric = "psi"\nthreshold = 1', "rules.mine.summary is missing"),
            ('[rules.mine]\nmetric = "psi"\nsummary = "S"', "rule 'mine' has no condition"),
            ('[rules."psi_above_0.2"]\nclear = 0.9', "rules.psi_above_0.2.clear = 0.9 must lie at or below"),
            ('[rules."psi_above_0.2"]\nown_limit = true', "has a threshold and own_limit"),
            ("[rules.drawdown_5pct]\nmax_p_value = 0", "rules.drawdown_5pct.max_p_value = 0: input"),
            ("[rules.drawdown_5pct]\nfor_sessions = 0", "rules.drawdown_5pct.for_sessions = 0: input"),
            ('[rules.drawdown_5pct]\naction = "panic"', "rules.drawdown_5pct.action = 'panic': input"),
            ("rules = 3", "rules must be tables, as [rules.my_rule]"),
            ("[rules]\nmine = 3", "rules must be tables, as [rules.my_rule]"),
        ],
    )
    def test_a_rule_that_makes_no_sense_is_refused(self, load: Load, text: str, problem: str) -> None:
        assert problem in refused(load, text)

    def test_loading_never_changes_the_defaults(self, load: Load) -> None:
        before = repr(DEFAULT_RULES)
        load('[rules.drawdown_10pct]\nthreshold = 0.5\n[rules."psi_above_0.2"]\nenabled = false')
        assert repr(DEFAULT_RULES) == before


class TestEnvironment:
    def test_it_wins_over_the_file_and_touches_nothing_else(
        self, load: Load, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FOREWARN_DATABASE__URL", "postgresql://me@here/forewarn")
        monkeypatch.setenv("FOREWARN_CHANNELS__EMAIL__PORT", "2525")
        settings = load('[database]\nurl = "sqlite:///other.db"\n[channels.email]\nport = 25\ntls = "none"')
        assert settings.database.url == "postgresql://me@here/forewarn"
        assert (settings.channels.email.port, settings.channels.email.tls) == (2525, "none")

    def test_it_is_enough_without_a_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_DATABASE__URL", "sqlite:///elsewhere.db")
        assert load_settings(None).database.url == "sqlite:///elsewhere.db"

    def test_its_values_keep_to_the_limits(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_TRADING__CASH", "-5")
        assert "trading.cash = '-5': input should be greater than 0" in refused(load, "")

    def test_it_may_change_a_rule(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_RULES__DRAWDOWN_5PCT__THRESHOLD", "0.04")
        rule = load("").rules["drawdown_5pct"]
        assert rule == RuleSettings(**DEFAULT_RULES["drawdown_5pct"] | {"threshold": 0.04})

    def test_no_dotenv_file_is_read(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("FOREWARN_DATABASE__URL=sqlite:///dotenv.db\n")
        monkeypatch.chdir(tmp_path)
        assert load_settings(None).database.url == "sqlite:///forewarn.db"


class TestSecrets:
    @pytest.mark.parametrize("secret", sorted(SECRETS))
    def test_a_secret_in_the_file_is_refused_and_not_repeated(self, load: Load, secret: str) -> None:
        text = refused(load, f'{secret} = "{TOKEN}"')
        assert f"{secret} is a secret ({SECRETS[secret]}); set FOREWARN_{secret.upper()} instead" in text
        assert TOKEN not in text

    @pytest.mark.parametrize(
        "text",
        [
            f'[channels.slak]\nslack_webhook_url = "{TOKEN}"',
            f'[channels.email]\npassword = "{TOKEN}"',
            f'smtp_pasword = "{TOKEN}"',
        ],
    )
    def test_a_secret_in_the_wrong_place_is_not_repeated(self, load: Load, text: str) -> None:
        told = refused(load, text)
        assert "unknown key" in told
        assert TOKEN not in told

    @pytest.mark.parametrize(
        ("text", "variable"),
        [
            (f'[channels.email]\npassword = "{TOKEN}"', "FOREWARN_SMTP_PASSWORD"),
            (f'[channels.webhook]\nsecret = "{TOKEN}"', "FOREWARN_WEBHOOK_SECRET"),
            (f'[channels.slack]\nslack_webhook_url = "{TOKEN}"', "FOREWARN_SLACK_WEBHOOK_URL"),
            (f'[channels.slack]\nbot_token = "{TOKEN}"', "FOREWARN_SLACK_BOT_TOKEN"),
            (
                f'[channels]\nbot_token = "{TOKEN}"',
                "FOREWARN_SLACK_BOT_TOKEN, or FOREWARN_SLACK_BOT_TOKEN_FILE",
            ),
            (f'bot_token = "{TOKEN}"', "FOREWARN_SLACK_BOT_TOKEN"),
            (f'[secrets]\nsmtp_password = "{TOKEN}"', "FOREWARN_NAME"),
        ],
    )
    def test_a_secret_beside_its_channels_settings_is_sent_to_the_environment(
        self, load: Load, text: str, variable: str
    ) -> None:
        told = refused(load, text)
        assert f"set {variable}" in told
        assert TOKEN not in told

    def test_secrets_have_no_variable_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_SECRETS", "{}")
        with pytest.raises(ConfigError, match="unknown variable FOREWARN_SECRETS"):
            load_settings()

    def test_a_secret_named_twice_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD", TOKEN)
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD_FILE", "/run/secrets/smtp")
        with pytest.raises(ConfigError, match="are both set; unset one") as caught:
            load_settings()
        assert TOKEN not in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("[channels.slack]\nenabled = true", "config.toml: channels.slack is enabled but its secret"),
            (
                '[channels.slack]\nenabled = true\nmode = "bot"\nchannel = "C0123456789"',
                'channels.slack has mode = "bot" but its secret is missing: set FOREWARN_SLACK_BOT_TOKEN',
            ),
            (
                '[channels.webhook]\nenabled = true\nurl = "https://example.org/"',
                "channels.webhook is enabled but its secret is missing: set FOREWARN_WEBHOOK_SECRET",
            ),
            ('[channels.slack]\nenabled = true\nmode = "bot"', "needs the channel's ID, as"),
            (
                '[channels.webhook]\nenabled = true\nurl = "http://example.org/"',
                "channels.webhook: url must be https://HOST/PATH",
            ),
            (
                '[channels.email]\nenabled = true\nrecipients = ["anna"]',
                "channels.email: 'anna' is no mail address; write it as anna@example.org",
            ),
        ],
    )
    def test_a_channel_that_could_not_send_is_refused_by_the_file_and_the_key(
        self, load: Load, text: str, told: str
    ) -> None:
        assert told in refused(load, text)

    def test_a_url_that_may_be_secret_is_not_repeated(self, load: Load) -> None:
        told = refused(load, f'[channels.webhook]\nurl = ["https://example.org/{TOKEN}"]')
        assert "channels.webhook.url: input should be a valid string" in told
        assert TOKEN not in told

    def test_a_secret_comes_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL", WEBHOOK)
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD", TOKEN)
        settings = load_settings()
        assert settings.secrets["slack_webhook_url"].get_secret_value() == WEBHOOK
        assert settings.secrets["smtp_password"].get_secret_value() == TOKEN

    def test_a_secret_is_never_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL", WEBHOOK)
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD", TOKEN)
        settings = load_settings()
        for text in (
            repr(settings),
            str(settings),
            f"{settings}",
            repr(settings.model_dump()),
            repr(settings.model_dump(mode="json")),
            settings.model_dump_json(),
            repr(settings.secrets),
            str(settings.secrets["smtp_password"]),
        ):
            assert TOKEN not in text

    def test_an_error_beside_a_secret_does_not_show_it(
        self, load: Load, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL", WEBHOOK)
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD", TOKEN)
        with pytest.raises(ConfigError) as caught:
            load("[trading]\ncash = -1\nzzz = 3")
        assert TOKEN not in str(caught.value)
        assert caught.value.__suppress_context__  # the traceback of the log does not show it either

    def test_a_secret_may_lie_in_a_file_whose_last_newline_does_not_count(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "webhook"
        path.write_text(f"{WEBHOOK}\n", encoding="utf-8")
        monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL_FILE", str(path))
        settings = load_settings()
        assert settings.secrets["slack_webhook_url"].get_secret_value() == WEBHOOK
        assert TOKEN not in repr(settings)

    def test_a_secret_file_that_cannot_be_read_names_its_variable(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD_FILE", str(tmp_path / "nothing"))
        with pytest.raises(ConfigError, match=r"FOREWARN_SMTP_PASSWORD_FILE: cannot read .*No such file"):
            load_settings()

    def test_slack_without_its_address_is_refused_with_both_ways_out(self, load: Load) -> None:
        text = refused(load, "[channels.slack]\nenabled = true")
        assert "channels.slack is enabled but its secret is missing" in text
        assert "set FOREWARN_SLACK_WEBHOOK_URL (or FOREWARN_SLACK_WEBHOOK_URL_FILE)" in text
        assert "channels.slack.enabled = false" in text

    def test_an_empty_secret_is_a_missing_one(
        self, load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        path = tmp_path / "empty"
        path.write_text("\n", encoding="utf-8")
        monkeypatch.setenv("FOREWARN_SLACK_WEBHOOK_URL_FILE", str(path))
        assert "its secret is missing" in refused(load, "[channels.slack]\nenabled = true")

    def test_a_mail_server_that_wants_a_login_needs_its_password(
        self, load: Load, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mail = '[channels.email]\nenabled = true\nrecipients = ["ops@example.com"]\n'
        assert load(mail).channels.email.recipients == ("ops@example.com",)
        text = refused(load, f'{mail}username = "ops"')
        assert "channels.email has a username but its secret is missing: set FOREWARN_SMTP_PASSWORD" in text
        monkeypatch.setenv("FOREWARN_SMTP_PASSWORD", TOKEN)
        assert load(f'{mail}username = "ops"').channels.email.username == "ops"

    def test_a_channel_that_is_off_needs_no_secret(self, load: Load) -> None:
        assert load('[channels.email]\nusername = "ops"').secrets == {}


class TestFile:
    def test_a_missing_file_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        with pytest.raises(
            ConfigError, match=r"nowhere\.toml: there is no such file; name one with --config"
        ):
            load_settings(tmp_path / "nowhere.toml")

    @pytest.mark.parametrize("text", ["[trading", "cash 5", "[trading]\n[trading]", "a = nope"])
    def test_what_is_not_toml_is_named_with_its_line(self, load: Load, text: str) -> None:
        told = refused(load, text)
        assert "config.toml: not valid TOML: " in told
        assert "at " in told

    def test_what_is_not_text_is_not_toml(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.write_bytes(b'[market]\ncalendar = "\xff\xfe"')
        with pytest.raises(ConfigError, match="not valid TOML"):
            load_settings(path)


def test_no_duration_of_the_configuration_is_without_an_upper_limit() -> None:
    units = ("_seconds", "_minutes", "_hours", "_days", "_sessions")
    endless, looked_at = [], 0
    for path, model in tables(Settings):
        for name, field in model.model_fields.items():
            if name.endswith(units):
                looked_at += 1
                if not any(getattr(limit, "le", None) is not None for limit in field.metadata):
                    endless.append(f"{path}{name}")
    assert looked_at > 30
    assert endless == []


def tables(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every table of the configuration with its place."""
    yield path, model
    for name, field in model.model_fields.items():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from tables(kind, f"{path}{name}.")
