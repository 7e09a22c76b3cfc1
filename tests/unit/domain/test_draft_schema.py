"""The generated schema must say what the public contract says, and the example must pass it."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway.domain.draft import decode, encode
from gateway.domain.schema import work_order_draft_schema

FIXTURES = Path(__file__).parents[2] / "fixtures" / "schema"
CONTRACT = json.loads((FIXTURES / "contract.schema.json").read_text())
EXAMPLE = (FIXTURES / "example_jinan.json").read_text()

_SAYS_NOTHING = {"description", "title", "default", "$schema", "$id", "$defs"}


def meaning(node: Any, definitions: dict[str, Any]) -> Any:
    """Reduce a schema to what it accepts, so that two spellings of one rule compare equal."""
    if isinstance(node, list):
        return [meaning(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[1]]
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    node = {k: v for k, v in node.items() if k not in _SAYS_NOTHING}
    if node.get("minItems") == 0:
        del node["minItems"]
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if isinstance(node.get("type"), list):
        names = node.pop("type")
        rest = {k: node.pop(k) for k in list(node)}
        node["anyOf"] = [{"type": n, **(rest if n != "null" else {})} for n in names]
    if node.get("additionalProperties") == {}:
        del node["additionalProperties"]
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            out[key] = {name: meaning(sub, definitions) for name, sub in sorted(value.items())}
        elif key in {"required", "enum"}:
            out[key] = sorted(value, key=repr)
        elif key == "anyOf":
            choices = [meaning(choice, definitions) for choice in value]
            out[key] = sorted(choices, key=lambda choice: json.dumps(choice, sort_keys=True))
        else:
            out[key] = meaning(value, definitions)
    if {"type": "null"} in out.get("anyOf", ()) and len(out["anyOf"]) == 2:
        other = next(choice for choice in out["anyOf"] if choice != {"type": "null"})
        if set(other) == {"enum"}:
            out = {"enum": sorted([*other["enum"], None], key=repr)}
    if "enum" in out and out.get("type") == "string":
        del out["type"]
    if out.get("required") == []:
        del out["required"]
    return out


def test_the_generated_schema_means_what_the_contract_means_and_what_was_added_since() -> None:
    generated = work_order_draft_schema()
    expected = meaning(CONTRACT, CONTRACT["$defs"])
    transcript = expected["properties"]["transcript"]["properties"]
    assert "pass_no" not in transcript
    transcript["pass_no"] = {"type": "integer"}
    segment = transcript["segments"]["items"]["properties"]
    assert "text_raw" not in segment
    segment["text_raw"] = {"type": "string"}
    assert meaning(generated, generated["$defs"]) == expected


def test_the_example_is_valid_and_survives_a_round_trip() -> None:
    jsonschema.validate(json.loads(EXAMPLE), work_order_draft_schema())
    draft = decode(EXAMPLE)
    again = json.loads(encode(draft))
    jsonschema.validate(again, CONTRACT)
    assert decode(encode(draft)) == draft


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("receipt_no",), "12-34"),
        (("state",), "lost"),
        (("revision",), 0),
        (("reporter", "phone"), "13800138000"),
        (("request", "title"), "长" * 101),
        (("received_at",), "2019-08-11T19:41:00"),
        (("surprise",), 1),
    ],
)
def test_an_invalid_document_is_refused(path: tuple[str, ...], value: object) -> None:
    document = json.loads(EXAMPLE)
    node = document
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps(document))
