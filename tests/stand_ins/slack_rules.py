"""The rules by which Slack refuses a post, as far as Forewarn's posts can break them."""

from __future__ import annotations

import re

# An `&` that starts no entity, or a bare angle bracket: Slack would read it as a link or a mention.
_UNESCAPED = re.compile(r"<|>|&(?!amp;|lt;|gt;)")


def faults(payload: object) -> list[str]:
    """Return what Slack would refuse about the payload of an incoming webhook."""
    if not isinstance(payload, dict):
        return ["the payload is no object"]
    found = _text_faults("text", payload.get("text"), 40_000)
    blocks = payload.get("blocks", [])
    if not isinstance(blocks, list) or len(blocks) > 50:
        return [*found, "blocks must be a list of at most 50"]
    for number, block in enumerate(blocks):
        found += [f"blocks[{number}]: {fault}" for fault in _block_faults(block)]
    return found + _metadata_faults(payload.get("metadata"))


def _block_faults(block: object) -> list[str]:
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
    return [] if isinstance(metadata["event_payload"], dict) else ["event_payload must be an object"]
