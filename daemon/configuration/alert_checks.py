"""Checks of rules and routes that need the whole configuration, and doubts that only a person can settle."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from fnmatch import fnmatchcase

from alerts.channels import kinds
from alerts.message import Severity
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.silence import broken
from daemon.configuration.config_error import nearest
from daemon.configuration.settings import Settings
from monitors.metrics import METRICS

RESERVED = frozenset({"delivery", "gate", "test"})
RESERVED_PREFIXES = ("folded.", "digest-", "delivery.")
"""Groups of Forewarn's own messages."""


def problems(settings: Settings) -> Iterator[str]:
    """Yield what makes the rules and routes of a configuration unusable: the key, what is wrong, the fix."""
    rules = settings.rule_set()
    try:
        Rulebook(rules)
    except ValueError as error:
        yield str(error)
    names, written = {rule.name for rule in rules}, set(settings.rules)
    for rule in rules:
        yield from _rule_problems(rule, names, written)
    yield from _route_problems(settings)
    for window in settings.alerts.windows:
        for key, globs in (("rules", window.rules), ("subject", (window.subject,))):
            for glob in globs:
                if wrong := broken(glob):
                    yield f"alerts.windows.{window.name}.{key} = {glob!r}: {wrong}"


def doubts(settings: Settings) -> Iterator[str]:
    """Yield what is allowed but probably not meant."""
    rules = settings.rule_set()
    for rule in rules:
        if rule.metric not in METRICS:
            yield (
                f"rules.{rule.name}: no monitor measures {rule.metric!r}, so the rule only fires on readings "
                "that another program posts"
            )
        gone = [name for name in rule.inhibited_by if not settings.rules[name].enabled]
        if gone:
            yield f"rules.{rule.name}: inhibited_by names {gone[0]!r}, which is switched off"
    for route in settings.alerts.routes:
        if not any(_named(glob, rule) for glob in route.rules for rule in rules):
            yield f"alerts.routes.{route.name}: its rules match no rule in force"
        least = [settings.channels.of(name).min_severity for name in route.channels]
        ranks = list(Severity)
        if least and all(ranks.index(one) > max(map(ranks.index, route.severities)) for one in least):
            yield (
                f"alerts.routes.{route.name}: every channel it names asks for more than "
                f"{route.severities[-1]} (min_severity), so it tells nothing"
            )
    if not any(settings.channels.of(name).enabled for name in kinds()):
        yield (
            "channels: none is enabled, so nobody is told of any alert; set channels.NAME.enabled = true "
            f"for one of {', '.join(kinds())}"
        )
        return
    for rule, why in untold(settings):
        if rule.severity is not Severity.INFO:
            yield f"rules.{rule.name}: {why}, so nobody is told"


def untold(settings: Settings) -> Iterator[tuple[Rule, str]]:
    """Yield the rules whose alerts no channel is told of, and why.

    Those of severity info are meant so in the defaults: they stand on the page.
    """
    tables = ((name, settings.channels.of(name)) for name in kinds())
    levels = tuple((name, table.min_severity) for name, table in tables if table.enabled)
    routing = settings.routing(levels)
    for rule in settings.rule_set():
        route = routing.find(rule.severity, rule.name, rule.place)
        if route is None:
            yield (
                rule,
                f'no route takes severity {rule.severity}; end alerts.routes with one of rules = ["*"]',
            )
        elif not routing.open(route.channels, rule.severity):
            asked = [
                f"channels.{name}.min_severity = {least}" for name, least in levels if name in route.channels
            ]
            why = f"{', '.join(asked)}; lower one of them" if asked else "no channel is enabled"
            yield rule, f"no channel takes severity {rule.severity} ({why})"


def _rule_problems(rule: Rule, names: set[str], written: set[str]) -> Iterator[str]:
    for other in rule.confirmed_by:
        if other not in names:
            yield (
                f"rules.{rule.name}.confirmed_by names {other!r}, which is no rule in force"
                f"{nearest(other, names)}"
            )
    for other in rule.inhibited_by:
        if other not in written:
            meant = nearest(other, names)
            yield f"rules.{rule.name}.inhibited_by names {other!r}, which is no rule{meant}"
    if wrong := broken(rule.subject):
        yield f"rules.{rule.name}.subject = {rule.subject!r}: {wrong}"
    if rule.place in RESERVED or rule.place.startswith(RESERVED_PREFIXES):
        yield f"rules.{rule.name}: the group {rule.place!r} is Forewarn's own; choose another name"
    if rule.metric not in METRICS and difflib.get_close_matches(rule.metric, METRICS, n=1, cutoff=0.75):
        yield (
            f"rules.{rule.name}.metric = {rule.metric!r}: no monitor measures that"
            f"{nearest(rule.metric, METRICS)}"
        )


def _route_problems(settings: Settings) -> Iterator[str]:
    enabled = {name for name in kinds() if settings.channels.of(name).enabled}
    for route in settings.alerts.routes:
        for name in route.every_channel:
            if name not in kinds():
                yield f"alerts.routes.{route.name} names the channel {name!r}{nearest(name, kinds())}"
            elif name not in enabled:
                yield (
                    f"alerts.routes.{route.name} names the channel {name!r}, which is not enabled; "
                    f"set channels.{name}.enabled = true or take it out"
                )
        for glob in route.rules:
            if wrong := broken(glob):
                yield f"alerts.routes.{route.name}.rules = {glob!r}: {wrong}"
        if not route.channels:
            yield f"alerts.routes.{route.name}.channels is empty; name one of {', '.join(sorted(enabled))}"


def _named(glob: str, rule: Rule) -> bool:
    return fnmatchcase(rule.name, glob) or fnmatchcase(rule.place, glob)
