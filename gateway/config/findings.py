"""What is wrong with a configuration: every finding names its line, its key and its cure."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.errors import GatewayError


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One mistake in a configuration file. ``line`` counts from 1; no field holds a secret."""

    file: str
    line: int
    key: str
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.problem}; {self.cure}"


class ConfigError(GatewayError):
    """A configuration that cannot be used; ``findings`` is empty when no line is to blame."""

    findings: tuple[Finding, ...] = ()


class InvalidConfig(ConfigError):
    """A configuration file with everything that is wrong with it at once."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        super().__init__("\n".join(map(str, in_order := sorted(findings))))
        self.findings = tuple(in_order)
