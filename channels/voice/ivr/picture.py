"""Draws a flow as a picture (SVG): a column for every step away from the beginning."""

from collections import deque
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from channels.voice.ivr.flow import Flow
from channels.voice.ivr.graph import arrows, title

_WIDTH, _HEIGHT = 230, 44
_ACROSS, _DOWN = 330, 74
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
    "text{font:13px sans-serif;fill:#111}.l{font-size:11px;fill:#444}"
    "path{fill:none;stroke:#667;stroke-width:1.2}rect{stroke:#334}"
)

_Place = tuple[int, int]


def svg(flow: Flow) -> str:
    """Return the picture as a document of its own."""
    places = _places(flow)
    width = max(x for x, _ in places.values()) + _WIDTH + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT + _MARGIN
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(flow.settings.flow)}</title><style>{_STYLE}</style>",
        '<defs><marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0L7,3L0,6z" style="fill:#667"/></marker></defs>',
    ]
    drawn += [_arrow(places[source], places[to], label) for source, to, label in arrows(flow)]
    for name, node in flow.nodes.items():
        x, y = places[name]
        thick = 3 if name == flow.settings.start else 1
        drawn.append(
            f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="6" '
            f'fill="{_COLOURS.get(node.kind, "#fff")}" stroke-width="{thick}"/>'
            f'<text x="{x + 10}" y="{y + 27}">{escape(title(name, node))}</text>'
        )
    return "\n".join([*drawn, "</svg>"])


def _places(flow: Flow) -> Mapping[str, _Place]:
    """Return the upper left corner of every node's box."""
    targets: dict[str, list[str]] = {name: [] for name in flow.nodes}
    for source, to, _ in arrows(flow):
        targets[source].append(to)
    depth = {flow.settings.start: 0}
    waiting = deque(depth)
    while waiting:
        name = waiting.popleft()
        # What only the key for a person reaches begins a row of its own.
        for to in targets[name]:
            if to not in depth:
                depth[to] = depth[name] + 1
                waiting.append(to)
        if not waiting and flow.settings.person not in depth:
            depth[flow.settings.person] = 1
            waiting.append(flow.settings.person)
    last = max(depth.values()) + 1
    columns: dict[int, list[str]] = {}
    for name in (*depth, *(name for name in flow.nodes if name not in depth)):
        columns.setdefault(depth.get(name, last), []).append(name)
    return {
        name: (_MARGIN + column * _ACROSS, _MARGIN + row * _DOWN)
        for column, names in columns.items()
        for row, name in enumerate(_untangled(names, columns.get(column - 1, ()), targets))
    }


def _untangled(
    names: Sequence[str], before: Sequence[str], targets: Mapping[str, Sequence[str]]
) -> Sequence[str]:
    """Order a column by where the arrows to it come from, so that fewer of them cross."""
    sources = {
        name: [row for row, source in enumerate(before) if name in targets[source]]
        for name in names
    }
    return sorted(
        names,
        key=lambda name: sum(sources[name]) / len(sources[name]) if sources[name] else len(before),
    )


def _arrow(source: _Place, target: _Place, label: str) -> str:
    x, y = source[0] + _WIDTH, source[1] + _HEIGHT // 2
    end_x, end_y = target[0], target[1] + _HEIGHT // 2
    bend = max(abs(end_x - x) // 2, 40)
    path = f"M{x},{y}C{x + bend},{y} {end_x - bend},{end_y} {end_x},{end_y}"
    drawn = f'<path d="{path}" marker-end="url(#a)"/>'
    if label:
        middle = f'x="{(x + end_x) // 2}" y="{(y + end_y) // 2 - 4}"'
        drawn += f'<text class="l" {middle} text-anchor="middle">{escape(label)}</text>'
    return drawn
