"""The published JSON Schema of a draft, generated from its types and from nothing else."""

from typing import Any

import msgspec

from gateway.domain.draft import WorkOrderDraft

SCHEMA_ID = "urn:hotline:schema:work-order-draft:1.0"


def work_order_draft_schema() -> dict[str, Any]:
    """Return the WorkOrderDraft 1.0 schema (JSON Schema 2020-12).

    In the types ``None`` means "not in the document", so ``null`` is only allowed where a field is
    marked nullable; the generator's own reading of ``X | None`` is narrowed here.
    """
    (root,), definitions = msgspec.json.schema_components(
        (WorkOrderDraft,), ref_template="#/$defs/{name}"
    )
    name = root["$ref"].rsplit("/", 1)[1]
    document = narrowed(definitions.pop(name))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **document,
        "title": "WorkOrderDraft 工单草稿",
        "$defs": {key: narrowed(value) for key, value in sorted(definitions.items())},
    }


def narrowed(node: Any) -> Any:
    """Drop the generator's ``null`` alternatives and defaults, except where marked nullable.

    Right for types that leave a field out instead of writing ``null``.
    """
    if isinstance(node, list):
        return [narrowed(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: narrowed(value) for key, value in node.items() if key != "x-nullable"}
    if out.get("default", ...) is None:
        del out["default"]
    if node.get("x-nullable"):
        return out
    if None in out.get("enum", ()):
        out["enum"] = [value for value in out["enum"] if value is not None]
    choices = out.get("anyOf")
    if choices and {"type": "null"} in choices:
        rest = [choice for choice in choices if choice != {"type": "null"}]
        del out["anyOf"]
        out |= rest[0] if len(rest) == 1 else {"anyOf": rest}
    return out
