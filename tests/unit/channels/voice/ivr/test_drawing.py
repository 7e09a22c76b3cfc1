"""A drawing shows every node and every arrow of a flow."""

import re
from xml.etree import ElementTree as ET

from channels.voice.ivr.graph import arrows, dot, mermaid
from channels.voice.ivr.picture import svg
from channels.voice.ivr.reading import load
from tests.unit.channels.voice.ivr.conftest import Walked
from tests.unit.channels.voice.ivr.flows import SHIPPED

SVG = "{http://www.w3.org/2000/svg}"
FLOW = """
first:
  kind: menu
  choices:
    "1": {label: '说"话"', to: more}
    "2": {label: "<a>", to: more}
more: {kind: say, to: bye}
"""


def test_arrows_to_one_target_are_one_with_both_labels(walked: Walked) -> None:
    found = list(arrows(walked(FLOW).flow))
    assert ("first", "more", '1 说"话", 2 <a>') in found
    assert ("more", "bye", "") in found


def test_mermaid_names_every_node_and_arrow(walked: Walked) -> None:
    text = mermaid(walked(FLOW).flow)
    assert text.startswith("flowchart TD\n")
    assert '  first{"first: menu"}' in text
    assert '  first -->|"1 说#quot;话#quot;, 2 <a>"| more' in text
    assert "  more --> bye" in text
    assert '  bye(["bye: hangup"])' in text


def test_mermaid_of_the_shipped_flow_draws_each_arrow_between_known_nodes() -> None:
    flow = load(SHIPPED)
    drawn = re.findall(r"^  (\w+) -->(?:\|\"[^\"]*\"\|)? (\w+)$", mermaid(flow), re.MULTILINE)
    assert len(drawn) == len(list(arrows(flow)))
    assert {name for pair in drawn for name in pair} == set(flow.nodes)


def test_graphviz_escapes_quotes(walked: Walked) -> None:
    text = dot(walked(FLOW).flow)
    assert '  first [label="first: menu", penwidth=3];' in text
    assert r'  first -> more [label="1 说\"话\", 2 <a>"];' in text
    assert text.endswith("}")


def test_the_picture_is_a_document_with_a_box_for_every_node() -> None:
    flow = load(SHIPPED)
    root = ET.fromstring(svg(flow))  # noqa: S314 - our own document
    boxes = [(box.get("x"), box.get("y")) for box in root.iter(f"{SVG}rect")]
    assert len(boxes) == len(set(boxes)) == len(flow.nodes)
    shown = {text.text for text in root.iter(f"{SVG}text")}
    assert {"matter: statement", "operators: queue operators"} <= shown
    paths = [path for path in root.iter(f"{SVG}path") if path.get("marker-end")]
    assert len(paths) == len(list(arrows(flow)))


def test_a_picture_holds_any_label(walked: Walked) -> None:
    assert "&lt;a&gt;" in svg(walked(FLOW).flow)
