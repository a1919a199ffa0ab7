"""What can go wrong where annual reports come from."""

from __future__ import annotations


class FilingsError(Exception):
    """Annual reports cannot be had; the text says why and what to do."""


class UnreachableError(FilingsError):
    """Whoever has them gave no answer; another ticker's would hardly come either."""
