"""One self-contained HTML file per report: inputs, parameters, versions, warnings, tables, figures."""

from __future__ import annotations

import base64
import datetime
import html
import io
import platform
from collections.abc import Callable, Iterable
from typing import Any, Union

import numpy as np

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2b24}
h1{font-size:1.6rem;border-bottom:3px solid #2f7d4f;padding-bottom:.3rem}h2{font-size:1.2rem;margin-top:2rem}
table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}
td,th{border:1px solid #c9d5cd;padding:.25rem .6rem;text-align:left}th{background:#eef4f0}
td.n{text-align:right}p.warn{background:#fff4d6;border-left:4px solid #d99a00;padding:.4rem .8rem}
img{max-width:100%}footer{margin-top:3rem;color:#68776e;font-size:.85rem}
"""

_WIDE_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "Droid Sans Fallback",
)


Cell = Union[str, float, int, bool, None, np.generic]  # of a table


class Report:
    """Collects sections and turns them into one HTML text.

    Figures need matplotlib (``Figure`` on Agg, never pyplot, since algorithms run in threads);
    without it the tables stay.

    Parameters
    ----------
    title : str
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._body: list[str] = []
        self._warnings: list[str] = []

    def heading(self, text: str) -> None:
        """A heading of a section."""
        self._body.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._body.append(f"<p>{html.escape(text)}</p>")

    def warning(self, text: str) -> None:
        """Add a warning; it is shown once, at the top of the report."""
        if text not in self._warnings:
            self._warnings.append(text)

    def table(self, header: Iterable[str], rows: Iterable[Iterable[Cell]]) -> None:
        """A table; numbers are aligned right and shown with four significant digits."""
        cells = "".join(f"<th>{html.escape(str(h))}</th>" for h in header)
        lines = [f"<tr>{cells}</tr>"]
        for row in rows:
            lines.append("<tr>" + "".join(_cell(value) for value in row) + "</tr>")
        self._body.append("<table>" + "".join(lines) + "</table>")

    def parameters(self, pairs: Iterable[tuple[str, Cell]]) -> None:
        """Inputs and parameters, as they were given: an iterable of (name, value)."""
        self.heading("Inputs and parameters")
        self.table(
            ("parameter", "value"),
            [(name, f"{value:.12g}" if isinstance(value, (float, np.floating)) else value) for name, value in pairs],
        )

    def figure(
        self, draw: Callable[[Any], object], alternative: str, *, width: float = 7.0, height: float = 4.0
    ) -> None:
        """A figure drawn by ``draw(axes)``; left out where matplotlib is missing.

        Parameters
        ----------
        draw : callable
            Takes matplotlib's Axes.
        alternative : str
            What the figure shows, for those who cannot see it.
        width, height : float
            Inches.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except Exception:  # a broken matplotlib must not lose the tables
            return
        figure = Figure(figsize=(width, height), constrained_layout=True)
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        _give_fonts(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=110)
        data = base64.b64encode(stream.getvalue()).decode("ascii")
        self._body.append(f'<img src="data:image/png;base64,{data}" alt="{html.escape(alternative)}">')

    def image(self, path: str, alternative: str) -> None:
        """A PNG file, embedded."""
        with open(path, "rb") as stream:
            data = base64.b64encode(stream.read()).decode("ascii")
        self._body.append(f'<img src="data:image/png;base64,{data}" alt="{html.escape(alternative)}">')

    def html(self) -> str:
        """The whole report, with versions and the time at its foot."""
        from osgeo import gdal

        versions = (
            f"Python {platform.python_version()}, numpy {np.__version__}, GDAL {gdal.VersionInfo('RELEASE_NAME')}"
        )
        now = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
        warnings = "".join(f'<p class="warn">{html.escape(text)}</p>' for text in self._warnings)
        return (
            "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'>"
            f"<title>{html.escape(self.title)}</title><style>{_STYLE}</style></head><body>"
            f"<h1>{html.escape(self.title)}</h1>{warnings}{''.join(self._body)}"
            f"<footer>EcoNet, {now}; {versions}</footer></body></html>\n"
        )


def _give_fonts(figure: Any) -> None:
    """Use an installed font with Chinese characters for the texts that hold some; the default font has none."""
    from matplotlib import font_manager
    from matplotlib.text import Text

    for axes in figure.axes:  # names along an axis are texts once they are asked for
        axes.get_xticklabels()
        axes.get_yticklabels()
    beyond = [text for text in figure.findobj(Text) if any(sign > "\u2e7f" for sign in text.get_text())]
    if beyond:
        installed = {font.name for font in font_manager.fontManager.ttflist}
        fonts = [name for name in _WIDE_FONTS if name in installed]
        for text in beyond:
            text.set_fontfamily([*fonts, "DejaVu Sans"])


def number(value: float | np.floating[Any], digits: int = 4) -> str:
    """A number as text: so many significant digits, without an exponent from 0.0001 to 1 000 000 000."""
    rounded = float(f"{value:.{digits}g}")
    return f"{rounded:.0f}" if 10**digits <= abs(rounded) < 1e9 else f"{rounded:.{digits}g}"


def joined(words: Iterable[str]) -> str:
    """``a, b and c``; of one word at least."""
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def p_value(value: float) -> str:
    """A probability of error as it is usually written."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _cell(value: Cell) -> str:
    if isinstance(value, (bool, np.bool_)):
        return f"<td>{'yes' if value else 'no'}</td>"
    if isinstance(value, (int, np.integer)):
        return f'<td class="n">{value}</td>'
    if isinstance(value, (float, np.floating)):
        return f'<td class="n">{number(value)}</td>'
    return f"<td>{html.escape('' if value is None else str(value))}</td>"
