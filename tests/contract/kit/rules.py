"""Every rule of the kit, in the order a contact meets them."""

from tests.contract.kit import (
    answer_rules,
    care_rules,
    case_rules,
    door_rules,
    killing_rules,
    once_rules,
    parse_rules,
    verify_rules,
)
from tests.contract.kit.rule import Rule

RULES: tuple[Rule, ...] = (
    *verify_rules.RULES,
    *parse_rules.RULES,
    *door_rules.RULES,
    *killing_rules.RULES,
    *once_rules.RULES,
    *case_rules.RULES,
    *answer_rules.RULES,
    *care_rules.RULES,
)
NAMES = tuple(rule.name for rule in RULES)
