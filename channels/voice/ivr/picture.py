"""Draws a flow as a picture (SVG): a column for every step away from the beginning."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from channels.voice.ivr.flow import Flow
from channels.voice.ivr.graph import arrows, title

_WIDTH, _GAP = 280, 230
_LINE, _BETWEEN = 18, 26
_MARGIN = 30
_COLOURS = {
    "menu": "#dbeafe",
    "statement": "#dcfce7",
    "voicemail": "#dcfce7",
    "route": "#fef9c3",
    "queue": "#fae8ff",
    "transfer": "#fae8ff",
    "callback": "#fae8ff",
    "hangup": "#e5e7eb",
}
_STYLE = (
    "text{font:13px sans-serif;fill:#111}.l{font-size:11px;fill:#333}"
    "path{fill:none;stroke:#667;stroke-width:1.2}.b{stroke:#c2410c;stroke-dasharray:5 4}"
    "rect{stroke:#334}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """Where a node stands; every arrow from it has a line of its own."""

    x: int
    y: int
    lines: int

    @property
    def height(self) -> int:
        return _LINE * max(self.lines, 2)


def svg(flow: Flow) -> str:
    """Return the picture as a document of its own; what leads back is drawn dashed."""
    leaving: dict[str, list[tuple[str, str]]] = {name: [] for name in flow.nodes}
    for source, to, label in arrows(flow):
        leaving[source].append((to, label))
    boxes = _boxes(flow, leaving)
    width = max(box.x for box in boxes.values()) + _WIDTH + _GAP
    height = max(box.y + box.height for box in boxes.values()) + _MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(flow.settings.flow)}</title><style>{_STYLE}</style>",
        '<defs><marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0L7,3L0,6z" style="fill:#667"/></marker></defs>',
    ]
    for source, targets in leaving.items():
        for line, (to, label) in enumerate(targets):
            drawn.append(_arrow(boxes[source], line, boxes[to], label))
    for name, node in flow.nodes.items():
        box = boxes[name]
        thick = 3 if name == flow.settings.start else 1
        drawn.append(
            f'<rect x="{box.x}" y="{box.y}" width="{_WIDTH}" height="{box.height}" rx="6" '
            f'fill="{_COLOURS.get(node.kind, "#fff")}" stroke-width="{thick}"/>'
            f'<text x="{box.x + 10}" y="{box.y + box.height // 2 + 4}">'
            f"{escape(title(name, node))}</text>"
        )
    return "\n".join([*drawn, "</svg>"])


def _boxes(flow: Flow, leaving: Mapping[str, Sequence[tuple[str, str]]]) -> Mapping[str, _Box]:
    boxes = {}
    for number, names in enumerate(_columns(flow, leaving)):
        y = _MARGIN
        for name in names:
            box = _Box(x=_MARGIN + number * (_WIDTH + _GAP), y=y, lines=len(leaving[name]))
            boxes[name] = box
            y += box.height + _BETWEEN
    return boxes


def _columns(
    flow: Flow, leaving: Mapping[str, Sequence[tuple[str, str]]]
) -> Sequence[Sequence[str]]:
    """Return the nodes by their distance from the beginning; the ends of calls come last."""
    depth: dict[str, int] = {}
    # What only a key for a person reaches begins a row of its own, as does what nothing reaches.
    for first, begin in ((flow.settings.start, 0), (flow.settings.person, 1), *_rest(flow)):
        if first in depth:
            continue
        depth[first] = begin
        waiting = deque([first])
        while waiting:
            name = waiting.popleft()
            for to, _ in leaving[name]:
                if to not in depth:
                    depth[to] = depth[name] + 1
                    waiting.append(to)
    last = max(depth.values()) + 1
    columns: list[list[str]] = [[] for _ in range(last + 1)]
    for name in depth:
        columns[last if flow.nodes[name].kind == "hangup" else depth[name]].append(name)
    return [column for column in columns if column]


def _rest(flow: Flow) -> Sequence[tuple[str, int]]:
    return [(name, 1) for name in flow.nodes]


def _arrow(source: _Box, line: int, target: _Box, label: str) -> str:
    x, y = source.x + _WIDTH, source.y + _LINE * line + _LINE // 2
    if source.lines == 1:
        y = source.y + source.height // 2
    end_x, end_y = target.x, target.y + target.height // 2
    back = end_x <= x
    bend = 90 if back else (end_x - x) // 2
    path = f"M{x},{y}C{x + bend},{y} {end_x - bend},{end_y} {end_x},{end_y}"
    kind = "b" if back else "f"
    drawn = f'<path class="{kind}" d="{path}" marker-end="url(#a)"/>'
    if label:
        drawn += f'<text class="l" x="{x + 6}" y="{y - 3}">{escape(label)}</text>'
    return drawn
