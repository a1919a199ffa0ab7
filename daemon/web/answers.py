"""The answers of the server: JSON, and problem details where something is wrong."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from aiohttp import web


def answer(status: HTTPStatus, body: dict[str, Any], content_type: str = "application/json") -> web.Response:
    """Return a JSON object; NaN and infinity have no place in it."""
    text = json.dumps(body, allow_nan=False, ensure_ascii=False)
    return web.Response(text=text, status=status.value, content_type=content_type, charset="utf-8")


def problem(status: HTTPStatus, detail: str, **more: object) -> web.Response:
    """Return problem details (RFC 9457)."""
    body = {"type": "about:blank", "title": status.phrase, "status": status.value}
    if detail:
        body["detail"] = detail
    return answer(status, {**body, **more}, content_type="application/problem+json")
