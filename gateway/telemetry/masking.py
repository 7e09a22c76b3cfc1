"""The last net against personal data and secrets in logs: whatever looks like one is masked.

The first net is that nobody passes such data to a log at all. This one catches what comes in a
third-party library's message or an exception's text.
"""

import re

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+"), "<mail>"),
    # Resident identity numbers (GB 11643) before telephone numbers, which they contain.
    (re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])"), "<id>"),
    (re.compile(r"(?<![0-9A-Za-z_.:-])\+?[0-9][0-9 -]{8,17}[0-9](?![0-9A-Za-z_:-])"), "<number>"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), r"\1 <secret>"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), "<secret>"),
    (
        re.compile(
            r"(?i)\b(token|secret|password|api_?key|signature)(['\"]?\s*[=:]\s*)[^\s,;&'\"]+"
        ),
        r"\1\2<secret>",
    ),
    (re.compile(r"(?i)(://[^/\s:@]+):[^@\s/]+@"), r"\1:<secret>@"),
)


def masked(text: str) -> str:
    """Return ``text`` with everything that looks personal or secret replaced by what it was."""
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text
