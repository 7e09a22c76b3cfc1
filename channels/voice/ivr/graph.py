"""Draws a flow as text for a drawing program: Mermaid or Graphviz."""

from collections.abc import Iterator

from channels.voice.ivr.flow import Flow
from channels.voice.ivr.nodes import AnyNode, Collect, Queue, Statement, Transfer

_LONGEST_LABEL = 36
_ESCAPED = '\\"'


_SHAPES = {
    "menu": ("{", "}"),
    "route": ("{{", "}}"),
    "hangup": ("([", "])"),
    "statement": ("[/", "/]"),
    "voicemail": ("[/", "/]"),
    "queue": ("[[", "]]"),
    "transfer": ("[[", "]]"),
}


def mermaid(flow: Flow) -> str:
    """Return a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for name, node in flow.nodes.items():
        opening, closing = _SHAPES.get(node.kind, ("[", "]"))
        lines.append(f'  {name}{opening}"{_quoted(title(name, node), "#quot;")}"{closing}')
    for source, to, label in arrows(flow):
        middle = f'-->|"{_quoted(label, "#quot;")}"|' if label else "-->"
        lines.append(f"  {source} {middle} {to}")
    lines.append(f"  style {flow.settings.start} stroke-width:3px")
    return "\n".join(lines)


def dot(flow: Flow) -> str:
    """Return a Graphviz digraph."""
    lines = [f'digraph "{flow.settings.flow}" {{', '  node [shape=box, fontname="sans-serif"];']
    for name, node in flow.nodes.items():
        thick = ", penwidth=3" if name == flow.settings.start else ""
        label = _quoted(title(name, node), _ESCAPED)
        lines.append(f'  {name} [label="{label}"{thick}];')
    for source, to, label in arrows(flow):
        written = f' [label="{_quoted(label, _ESCAPED)}"]' if label else ""
        lines.append(f"  {source} -> {to}{written};")
    return "\n".join([*lines, "}"])


def title(name: str, node: AnyNode) -> str:
    """Return what stands in a node's box: its name, and what is special about it."""
    match node:
        case Transfer() | Queue():
            return f"{name}: {node.kind} {node.target}"
        case Collect():
            return f"{name}: {node.kind} {node.slot}"
        case _:
            return f"{name}: {node.kind}"


def arrows(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Yield source, target and label of every arrow; several to one target become one."""
    for name, node in flow.nodes.items():
        labels: dict[str, list[str]] = {}
        for way in node.ways():
            spoken = "speaks" if isinstance(node, Statement) and way.at == ("to",) else way.label
            labels.setdefault(way.to, []).append(spoken)
        for to, given in labels.items():
            label = ", ".join(one for one in given if one)
            longer = len(label) > _LONGEST_LABEL
            yield name, to, label[: _LONGEST_LABEL - 1] + "…" if longer else label


def _quoted(text: str, quote: str) -> str:
    return text.replace('"', quote)
