"""No named point of the gateway is forgotten by the siege."""

import re

from tests.failure.nursery import ROOT
from tests.failure.siege import POINTS

_REACH = re.compile(r"reach\(\s*\"([a-z_.]+)\"")


def test_every_named_point_of_the_gateway_is_one_at_which_the_siege_kills() -> None:
    named = {
        point
        for path in (ROOT / "gateway").rglob("*.py")
        for point in _REACH.findall(path.read_text(encoding="utf-8"))
    }
    assert named == set(POINTS["all"]) == set(POINTS["ingress"]) | set(POINTS["worker"])
