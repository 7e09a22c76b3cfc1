"""The words sent to citizens: one file a language, checked whole when the gateway starts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from gateway.config import Finding, InvalidConfig, yaml_tree
from gateway.config.wording import nearest

ACKNOWLEDGEMENT = "ack"
"""The purpose of the one message that tells receipt number and query code."""

MASKED_CODE = "******"
"""What stands for the query code wherever anyone but the citizen may read the text."""

LONGEST = 500

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_PLACEHOLDERS = frozenset({"site", "receipt_no", "query_code"})
_NEEDED: Mapping[str, frozenset[str]] = {ACKNOWLEDGEMENT: frozenset({"receipt_no", "query_code"})}


def default_texts_folder() -> Path:
    """Return the ``config/replies`` folder of this installation."""
    return Path(__file__).resolve().parents[2] / "config" / "replies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """All texts by language (``zh``) and purpose; ``usual`` is the language for everybody else."""

    templates: Mapping[str, Mapping[str, str]]
    usual: str

    def language_for(self, tag: str | None) -> str:
        """Return the language on offer for a BCP 47 tag."""
        primary = (tag or "").lower().partition("-")[0]
        return primary if primary in self.templates else self.usual

    def compose(
        self, purpose: str, language: str | None, *, site: str, receipt_no: str, query_code: str
    ) -> str:
        """Return the text of a purpose in the language on offer that is nearest to ``language``."""
        template = self.templates[self.language_for(language)][purpose]
        return template.format(site=site, receipt_no=receipt_no, query_code=query_code)


def load_texts(folder: Path | None = None, *, usual: str = "zh") -> Texts:
    """Read every ``LANGUAGE.yaml`` of a folder (by default the one that comes with the gateway).

    ``usual`` is the site's language as a BCP 47 tag; it must be among them. Raises
    ``InvalidConfig`` with everything that is wrong, so that no message ever goes out with a hole.
    """
    folder = folder or default_texts_folder()
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    findings: list[Finding] = []
    templates = {file.stem: _read(file, findings) for file in files}
    primary = usual.lower().partition("-")[0]
    if primary not in templates:
        cure = f"write {primary}.yaml, or choose a site.language that is there"
        findings.append(_finding(folder, 1, primary, "has no texts", cure))
    if findings:
        raise InvalidConfig(findings)
    return Texts(templates=templates, usual=primary)


def _read(file: Path, findings: list[Finding]) -> Mapping[str, str]:
    if not _LANGUAGE.fullmatch(file.stem):
        cure = "name it after a language (ISO 639), such as zh.yaml"
        findings.append(_finding(file, 1, "file", "is not named after a language", cure))
    try:
        tree = yaml_tree.read(file.read_bytes())
    except OSError:
        cure = "let the gateway's user read it"
        findings.append(_finding(file, 1, "file", "cannot be read", cure))
        return {}
    except yaml_tree.Unreadable as bad:
        findings.append(_finding(file, bad.line, bad.key, bad.problem, bad.cure))
        return {}
    if not isinstance(tree, yaml_tree.Mapping):
        cure = f"start it with {ACKNOWLEDGEMENT}:"
        findings.append(_finding(file, tree.line, "file", "is not a list of keys", cure))
        return {}
    for item in tree.items:
        if item.key not in _NEEDED:
            cure = nearest(item.key, _NEEDED)
            findings.append(_finding(file, item.line, item.key, "unknown key", cure))
    return {purpose: _template(file, tree, purpose, findings) for purpose in _NEEDED}


def _template(file: Path, tree: yaml_tree.Mapping, purpose: str, findings: list[Finding]) -> str:
    item = tree.get(purpose)
    value = item.value if item is not None else None
    if item is None or not isinstance(value, yaml_tree.Scalar) or not (value.text or "").strip():
        line = item.line if item is not None else 1
        findings.append(_finding(file, line, purpose, "has no text", "write the text"))
        return ""
    text = str(value.text).strip()
    for problem, cure in _faults(text, _NEEDED[purpose]):
        findings.append(_finding(file, item.line, purpose, problem, cure))
    return text


def _faults(text: str, needed: frozenset[str]) -> list[tuple[str, str]]:
    """Return what is wrong with one template, as problem and cure."""
    if len(text) > LONGEST:
        return [(f"is longer than {LONGEST} characters", "shorten it")]
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        return [("has a single brace", "write {{ or }} for a brace that is meant")]
    found = {name for _, name, _, _ in pieces if name is not None}
    faults = [
        (f"has the unknown placeholder {{{name}}}", nearest(name, _PLACEHOLDERS))
        for name in sorted(found - _PLACEHOLDERS)
    ]
    faults += [
        (f"does not tell {{{name}}}", "the citizen learns it here and nowhere else")
        for name in sorted(needed - found)
    ]
    if any(spec or conversion for _, _, spec, conversion in pieces):
        faults.append(("formats a placeholder", "write the name alone between the braces"))
    return faults


def _finding(path: Path, line: int, key: str, problem: str, cure: str) -> Finding:
    return Finding(file=str(path), line=line, key=key, problem=problem, cure=cure)
