"""The rules by which Slack refuses a post, as far as Forewarn's posts can break them."""

from __future__ import annotations

import re

_EVENT_TYPE = re.compile(r"[a-z0-9_.]{1,255}")
_ACTION_LIMIT = 255
_STYLES = ("primary", "danger")

# An `&` that starts no entity, or a bare angle bracket: Slack would read it as a link or a mention.
_UNESCAPED = re.compile(r"<|>|&(?!amp;|lt;|gt;)")


def faults(payload: object) -> list[str]:
    """Return what Slack would refuse about the payload of a webhook, `chat.postMessage` or `chat.update`."""
    if not isinstance(payload, dict):
        return ["the payload is no object"]
    found = _text_faults("text", payload.get("text"), 40_000)
    blocks = payload.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > 50:
        return [*found, "blocks must be a list of at most 50"]
    for number, block in enumerate(blocks):
        found += [f"blocks[{number}]: {fault}" for fault in _block_faults(block)]
    return found + _metadata_faults(payload.get("metadata"))


def _block_faults(block: object) -> list[str]:  # noqa: PLR0911 -- one per kind
    if not isinstance(block, dict):
        return ["is no object"]
    match block.get("type"):
        case "header":
            return _object_faults("text", block.get("text"), 150, "plain_text")
        case "section":
            return _section_faults(block)
        case "context":
            elements = block.get("elements")
            if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
                return ["elements must be 1 to 10"]
            return [fault for element in elements for fault in _object_faults("element", element, 3000)]
        case "actions":
            return _actions_faults(block.get("elements"))
        case kind:
            return [f"unknown type {kind!r}"]


def _section_faults(block: dict[str, object]) -> list[str]:
    found = []
    if "text" not in block and "fields" not in block:
        found.append("a section needs text or fields")
    if "text" in block:
        found += _object_faults("text", block["text"], 3000)
    if "fields" in block:
        fields = block["fields"]
        if not isinstance(fields, list) or not 1 <= len(fields) <= 10:
            return [*found, "fields must be 1 to 10"]
        found += [fault for field in fields for fault in _object_faults("field", field, 2000)]
    return found


def _actions_faults(elements: object) -> list[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= 25:
        return ["elements must be 1 to 25"]
    found = [fault for element in elements for fault in _button_faults(element)]
    actions = [element.get("action_id") for element in elements if isinstance(element, dict)]
    return found if len(set(actions)) == len(actions) else [*found, "action_id is there twice"]


def _button_faults(button: object) -> list[str]:
    if not isinstance(button, dict) or button.get("type") != "button":
        return ["is no button"]
    found = _object_faults("text", button.get("text"), 75, "plain_text")
    action, value = button.get("action_id"), button.get("value", "")
    if not isinstance(action, str) or not 1 <= len(action) <= _ACTION_LIMIT:
        found.append(f"action_id must have 1 to {_ACTION_LIMIT} characters")
    if not isinstance(value, str) or len(value) > 2000:
        found.append("value must be a string of at most 2000 characters")
    if "style" in button and button["style"] not in _STYLES:
        found.append(f"style must be one of {_STYLES}")
    return found + _confirm_faults(button.get("confirm"))


def _confirm_faults(confirm: object) -> list[str]:
    if confirm is None:
        return []
    if not isinstance(confirm, dict):
        return ["confirm is no object"]
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    return [
        f"confirm: {fault}"
        for name, limit in limits.items()
        for fault in _object_faults(name, confirm.get(name), limit, "plain_text")
    ]


def _object_faults(name: str, value: object, limit: int, kind: str = "mrkdwn") -> list[str]:
    if not isinstance(value, dict) or value.get("type") != kind:
        return [f"{name} must be of type {kind}"]
    return _text_faults(name, value.get("text"), limit, escaped=kind == "mrkdwn")


def _text_faults(name: str, text: object, limit: int, *, escaped: bool = True) -> list[str]:
    if not isinstance(text, str) or not text.strip():
        return [f"{name} is empty"]
    found = [f"{name} has {len(text)} characters, more than {limit}"] if len(text) > limit else []
    if escaped and _UNESCAPED.search(text):
        found.append(f"{name} holds an unescaped &, < or >")
    return found


def _metadata_faults(metadata: object) -> list[str]:
    if metadata is None:
        return []
    if not isinstance(metadata, dict) or set(metadata) != {"event_type", "event_payload"}:
        return ["metadata needs event_type and event_payload"]
    kind = metadata["event_type"]
    if not isinstance(kind, str) or not _EVENT_TYPE.fullmatch(kind):
        return ["event_type must be lower-case letters, digits, dots and underscores"]
    return [] if isinstance(metadata["event_payload"], dict) else ["event_payload must be an object"]
