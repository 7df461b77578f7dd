"""Drawing with SVG: a figure that needs no font, script or style of its surroundings.

Colours follow the reader's light or dark mode by a media query, so classes name what is drawn.
"""

from __future__ import annotations

_LIGHT = {
    "paper": "#ffffff",
    "text": "#1f2328",
    "faint": "#59636e",
    "rule": "#d1d9e0",
    "subject": "#0969da",
    "peer": "#8b949e",
    "yardstick": "#c3cad2",
}
_DARK = {
    "paper": "#0d1117",
    "text": "#e6edf3",
    "faint": "#9198a1",
    "rule": "#3d444d",
    "subject": "#4493f8",
    "peer": "#7d8590",
    "yardstick": "#4b535d",
}
_FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', 'Liberation Sans', sans-serif"


class Drawing:
    """An SVG document that grows; lengths are in pixels, `y` downwards."""

    def __init__(self, width: float, title: str) -> None:
        self.width = width
        self._title = title
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, colour: str = "text", size: int = 12,
        anchor: str = "start", bold: bool = False,
    ) -> None:  # fmt: skip
        """Write a line whose baseline is at `y`; `anchor` is start, middle or end."""
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text class="{colour}" x="{x:g}" y="{y:g}" font-size="{size}"'
            f' text-anchor="{anchor}"{weight}>{_escape(text)}</text>'
        )

    def bar(self, x: float, y: float, width: float, height: float, *, colour: str) -> None:
        """Draw a filled rectangle."""
        self._parts.append(
            f'<rect class="{colour}" x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}"/>'
        )

    def gap(self, x: float, y: float, height: float) -> None:
        """Cut a slanted gap through a bar, which tells that it is longer than drawn."""
        points = f"{x:g},{y + height:g} {x + 4:g},{y:g} {x + 8:g},{y:g} {x + 4:g},{y + height:g}"
        self._parts.append(f'<polygon class="paper" points="{points}"/>')

    def rule(self, y: float, x: float, width: float) -> None:
        """Draw a thin horizontal line."""
        self.bar(x, y, width, 1, colour="rule")

    def finish(self, height: float) -> str:
        """Return the document."""
        begin = (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{self.width:g}"'
            f' height="{height:g}" viewBox="0 0 {self.width:g} {height:g}" font-family="{_FONT}">'
        )
        dark = f"@media (prefers-color-scheme: dark) {{{_rules(_DARK)}}}"
        lines = [
            begin,
            f"<title>{_escape(self._title)}</title>",
            f"<style>{_rules(_LIGHT)} {dark}</style>",
            '<rect class="paper" width="100%" height="100%"/>',
            *self._parts,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _rules(colours: dict[str, str]) -> str:
    return " ".join(f".{name} {{fill: {colour}}}" for name, colour in colours.items())
