"""HTML, built so that nothing from outside can become markup: plain text is escaped, always."""

from __future__ import annotations

from html import escape
from typing import Final

VOID: Final = frozenset({"br", "link", "meta"})


class Html(str):
    """Text that is markup already. Only `element` and `join` make it; mixing it with text loses the mark."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | float) -> Html:
    """Return an element.

    Args:
        tag: Its name.
        children: `Html` as it is, any other text escaped.
        attributes: By name; a trailing underscore is dropped, others become hyphens (`class_`, `aria_label`).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_printable(str(value)))}"'
        for key, value in attributes.items()
    )
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(*children)}</{tag}>")


def join(*parts: str) -> Html:
    """Return the parts one after the other: `Html` as it is, any other text escaped."""
    return Html("".join(part if isinstance(part, Html) else escape(_printable(part)) for part in parts))


def _printable(text: str) -> str:
    """Replace what is invisible or turns the reading direction around."""
    return "".join(
        char if char.isprintable() or char.isspace() else "\N{REPLACEMENT CHARACTER}" for char in text
    )
