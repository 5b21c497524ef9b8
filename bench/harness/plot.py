# SPDX-License-Identifier: Apache-2.0
"""A bar chart of ratios, as SVG: one bar for each of the compared, with a whisker from the lowest
to the highest ratio of the repetitions, and a line at 1. Its colours follow the reader's scheme."""

import dataclasses
import xml.sax.saxutils

WIDTH, MARGIN = 760, 16
LABELS, FIGURES = 180, 110  # widths of what stands left and right of the bars
BAR, GAP = 14, 6
HEAD, PANEL_HEAD, PANEL_FOOT = 58, 26, 12
LONGEST_RATIO = 4.0  # longer bars are cut off, and end in a point

STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .title { font-size: 16px; font-weight: 600; }
    .panel, .ours-label { font-weight: 600; }
    .note { fill: #59636e; }
    .back { fill: #ffffff; }
    .bar { fill: #8c959f; }
    .ours { fill: #0969da; }
    .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none; }
    .one { stroke: #59636e; stroke-dasharray: 3 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note { fill: #9198a1; }
      .back { fill: #0d1117; }
      .bar { fill: #656c76; }
      .ours { fill: #4493f8; }
      .whisker { stroke: #f0f6fc; }
      .one { stroke: #9198a1; }
    }
"""


@dataclasses.dataclass(frozen=True)
class Bar:
    label: str
    ratio: object  # tables.Ratio
    is_ours: bool = False


@dataclasses.dataclass(frozen=True)
class Panel:
    title: str
    bars: tuple


def longest(panels):
    """The ratio at the right end of the scale."""
    most = max((bar.ratio.high for panel in panels for bar in panel.bars), default=1.0)
    return min(max(most, 1.2) * 1.02, LONGEST_RATIO)


def height_of(panel):
    return PANEL_HEAD + len(panel.bars) * (BAR + GAP) + PANEL_FOOT


def text(x, y, content, kind="", anchor="start"):
    name = f' class="{kind}"' if kind else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{name}>'
            f"{xml.sax.saxutils.escape(content)}</text>")


def draw_bar(bar, top, scale, end):
    left, middle = MARGIN + LABELS, top + BAR / 2
    cut = bar.ratio.middle > end
    right = left + scale * min(bar.ratio.middle, end)
    kind = "ours" if bar.is_ours else "bar"
    point = right + 7 if cut else right
    parts = [
        text(left - 8, top + BAR - 3, bar.label, "ours-label" if bar.is_ours else "", "end"),
        f'<path class="{kind}" d="M{left:.1f} {top:.1f}H{right:.1f}L{point:.1f} {middle:.1f}'
        f'L{right:.1f} {top + BAR:.1f}H{left:.1f}Z"/>']
    if not cut and bar.ratio.high > bar.ratio.low:
        low, high = (left + scale * min(value, end) for value in (bar.ratio.low, bar.ratio.high))
        parts.append(f'<path class="whisker" d="M{low:.1f} {middle:.1f}H{high:.1f}'
                     f'M{low:.1f} {middle - 4:.1f}v8M{high:.1f} {middle - 4:.1f}v8"/>')
    figure = f"{bar.ratio.middle:.2f}"
    if bar.ratio.high > bar.ratio.low:
        figure += f" ({bar.ratio.low:.2f}–{bar.ratio.high:.2f})"
    parts.append(text(WIDTH - MARGIN, top + BAR - 3, figure, "", "end"))
    return parts


def svg(title, note, panels):
    """The whole picture. `note` says below the title what is drawn."""
    panels = [panel for panel in panels if panel.bars]
    height = HEAD + sum(map(height_of, panels)) + MARGIN
    end = longest(panels)
    scale = (WIDTH - 2 * MARGIN - LABELS - FIGURES - 10) / end
    one = MARGIN + LABELS + scale
    parts = [f'<rect class="back" width="{WIDTH}" height="{height}"/>',
             text(MARGIN, 26, title, "title"), text(MARGIN, 46, note, "note")]
    top = HEAD
    for panel in panels:
        if panel.title:
            parts.append(text(MARGIN, top + 16, panel.title, "panel"))
        at = top + PANEL_HEAD
        for bar in panel.bars:
            parts += draw_bar(bar, at, scale, end)
            at += BAR + GAP
        parts.append(f'<path class="one" d="M{one:.1f} {top + PANEL_HEAD - 4}V{at}"/>')
        top += height_of(panel)
    body = "\n  ".join(parts)
    name = xml.sax.saxutils.escape(title)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img">\n  <title>{name}</title>\n'
            f"  <style>{STYLE}  </style>\n  {body}\n</svg>\n")
