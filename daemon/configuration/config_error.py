"""What is wrong with a configuration: the file, the key, the value, the limit and the nearest valid value."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from alerts.channels import kinds
from daemon.configuration.default_rules import DEFAULT_RULES
from daemon.configuration.provider_settings import TOKENS
from daemon.configuration.settings import INGEST_KEY, PREFIX, Settings

SEC_IDENTITY: Final = "sec_identity"
"""Who asks the SEC for reports: a name and an address, which are nobody else's business."""

SECRETS: Final = {
    **{secret: f"channels.{kind.name}" for kind in kinds().values() for secret in kind.secrets},
    **{secret: f"market.{provider}" for provider, secret in TOKENS.items()},
    INGEST_KEY: "server",
    SEC_IDENTITY: "market",
}
"""Every secret and the table it belongs to."""

HIDDEN: Final = {
    *((name,) for name in ("database", "channels", "secrets", *SECRETS)),
    *(("channels", name) for name in kinds()),
    ("database", "url"),
}
"""Settings whose value no error repeats: it may be or hold a secret. So is every field with `repr=False`."""


class ConfigError(Exception):
    """The configuration cannot be used; the text names the key, the value and the fix."""


def explain(error: ValidationError, where: str) -> str:
    """Return a line for each problem, with `where` it was written."""
    return "\n".join(f"{where}: {_line(problem)}" for problem in error.errors(include_url=False))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that was probably meant, as the end of a sentence; else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}"


def _line(problem: ErrorDetails) -> str:
    location = problem["loc"]
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        return f"unknown key {key!r}{_meant(location)}"
    if problem["type"] == "missing":
        near = nearest(str(location[1]), DEFAULT_RULES) if key.startswith("rules.") else ""
        return f"{key} is missing{near}"
    hidden = location in HIDDEN or isinstance(problem["input"], dict) or not _shown(location)
    value = "" if hidden else f" = {problem['input']!r}"
    text = problem["msg"].removeprefix("Value error, ")
    return f"{key}{value}: {text[0].lower()}{text[1:]}{_valid(problem)}"


def _meant(location: tuple[int | str, ...]) -> str:
    """Say which key was probably meant, or that a secret does not belong here."""
    name, table = str(location[-1]), ".".join(str(part) for part in location[:-1])
    for secret, owner in SECRETS.items():
        is_here = table == owner or "_" in name
        if is_here and secret != name and f"_{name}_" in f"_{secret}_":
            variable = f"{PREFIX}{secret.upper()}"
            return (
                f"; a secret is never written here, set {variable}, or {variable}_FILE to the file it is in"
            )
    known = set(_fields(location[:-1]))
    return nearest(name, known - {"secrets"} | set(SECRETS) if not table else known)


def _valid(problem: ErrorDetails) -> str:
    """Return the valid value nearest to the one that was given, as the end of a sentence.

    Where none is near, as to a word where a number belongs, it is the key's default; "" where it has none.
    """
    limits = problem.get("ctx", {})
    if problem["type"] in {"enum", "literal_error"}:
        valid = [word.strip("'") for word in str(limits["expected"]).replace(" or ", ", ").split(", ")]
        near = difflib.get_close_matches(str(problem["input"]).lower(), valid, n=1, cutoff=0.5)
        if near:
            return f"; did you mean {near[0]!r}?"
    if problem["type"] == "int_from_float":
        return f"; the nearest is {round(problem['input'])}"
    for limit in ("ge", "le"):
        if limit in limits:
            return f"; the nearest is {limits[limit]:g}"
    default = _default(problem["loc"])
    return f"; the default is {default}" if default else ""


def _default(location: tuple[int | str, ...]) -> str:
    """Return a key's default as TOML has it; "" where it has none, or where it is not one word or number."""
    field, key = _fields(location[:-1]).get(str(location[-1])), str(location[-1])
    default = field.default if field else None
    if location[0] == "rules" and len(location) == 3:
        default = DEFAULT_RULES.get(str(location[1]), {}).get(key, default)
    match default:
        case bool():
            return str(default).lower()
        case str() if default and field and field.repr:
            return f'"{default}"'
        case int() | float():
            return f"{default:g}"
        case _:
            return ""


def _shown(location: tuple[int | str, ...]) -> bool:
    field = _fields(location[:-1]).get(str(location[-1]))
    return field is None or field.repr


def _fields(location: tuple[int | str, ...]) -> dict[str, FieldInfo]:
    """Return the keys of the table at a place of the configuration; none where there is no table."""
    kind: Any = Settings
    for part in location:
        if _is_table(kind):
            field = kind.model_fields.get(str(part))
            kind = field.annotation if field else None
        else:  # a list of tables, or tables by name
            kind = next(filter(_is_table, get_args(kind)), None)
    return kind.model_fields if _is_table(kind) else {}


def _is_table(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
