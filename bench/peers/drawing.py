"""A plot as SVG: for each group a row per name, a dot at its value on an axis that all share."""

from collections.abc import Mapping
from html import escape
from math import ceil, floor, log10

WIDTH = 900
LABELS = 170
"""The width of the names on the left."""
ROW = 18
GAP = 34
TOP = 44
COLOURS = ("#c2410c", "#ea580c", "#64748b", "#0f766e", "#1d4ed8", "#7e22ce", "#a16207", "#be123c")


def draw(title: str, groups: Mapping[str, Mapping[str, float]]) -> str:
    """The plot of positive values, on a logarithmic axis."""
    values = [max(value, 0.01) for group in groups.values() for value in group.values()]
    low, high = floor(log10(min(values))), max(ceil(log10(max(values))), floor(log10(min(values))) + 1)

    def x(value: float) -> float:
        return LABELS + (log10(max(value, 0.01)) - low) / (high - low) * (WIDTH - LABELS - 60)

    height = TOP + sum(GAP + ROW * len(group) for group in groups.values()) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(10, 20, title, 'font-size="14" font-weight="bold"'),
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{height - 10}" stroke="#e2e8f0"/>')
        parts.append(_text(at, TOP - 6, f"{10.0**power:g}", 'text-anchor="middle" fill="#64748b"'))
    y = TOP
    for heading, group in groups.items():
        y += GAP
        parts.append(_text(10, y - 12, heading, 'font-weight="bold"'))
        for (name, value), colour in zip(group.items(), COLOURS * len(group), strict=False):
            at, middle = x(value), y + ROW / 2
            parts.append(_text(LABELS - 8, middle + 4, name, 'text-anchor="end"'))
            parts.append(
                f'<line x1="{LABELS}" x2="{at:.1f}" y1="{middle}" y2="{middle}" stroke="{colour}" opacity=".4"/>'
            )
            parts.append(f'<circle cx="{at:.1f}" cy="{middle}" r="5" fill="{colour}"/>')
            parts.append(_text(at + 9, middle + 4, f"{value:.3g}", 'fill="#334155"'))
            y += ROW
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'
