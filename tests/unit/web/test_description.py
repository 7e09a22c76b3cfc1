"""The API's description is a valid OpenAPI 3.1 document that matches the published schema."""

import re

import jsonschema

from gateway.domain.schema import work_order_draft_schema
from tests.integration.web.described import described_api

DOCUMENT = described_api().document


def test_every_reference_leads_somewhere() -> None:
    names = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    assert names
    assert names <= DOCUMENT["components"]["schemas"].keys()


def test_every_component_is_a_schema_and_is_used() -> None:
    used = set(re.findall(r"#/components/schemas/(\w+)", str(DOCUMENT)))
    for name, schema in DOCUMENT["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert name in used


def test_the_draft_is_described_as_in_its_published_schema() -> None:
    published = work_order_draft_schema()
    described = DOCUMENT["components"]["schemas"]["WorkOrderDraft"]
    assert described["required"] == published["required"]
    assert described["properties"].keys() == published["properties"].keys()
    assert described["additionalProperties"] is False


def test_operations_have_names_of_their_own_and_say_what_they_do() -> None:
    operations = described_api().operations
    assert len({one.name for one in operations}) == len(operations)
    assert all(one.summary for one in operations)
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    assert {one.tag for one in operations} <= tags


def test_every_variable_of_an_address_is_a_parameter() -> None:
    for one in described_api().operations:
        path = DOCUMENT["paths"][one.path][one.method.lower()]
        named = {each["name"] for each in path["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", one.path))
