"""core.report: one self-contained, escaped HTML file."""

import builtins
import html.parser

import numpy as np
import pytest

from econet.core.report import Report, _give_fonts, number, p_value


class Reader(html.parser.HTMLParser):
    """Checks that tags are closed in order; collects texts, cells and sources."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.sources, self.cells = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [value for key, value in attributes if key in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_texts_are_escaped_and_complete():
    report = Report("Sources <of> A & B")
    report.parameters([("AREA", "<script>alert(1)</script>")])
    report.text("5 < 7 矿")
    report.warning("mind & mend")
    page = report.html()
    read = Reader(page)
    assert "<script" not in page
    for text in ("Sources <of> A & B", "<script>alert(1)</script>", "5 < 7 矿", "mind & mend", "Inputs and parameters"):
        assert text in "".join(read.texts)
    from osgeo import gdal

    assert np.__version__ in page and gdal.VersionInfo("RELEASE_NAME") in page


def test_cells_of_a_table():
    report = Report("t")
    report.table(("a", "b"), [(1, 2.5), (np.int64(3), np.float32(1 / 3)), (True, None), (np.bool_(False), "x")])
    page = report.html()
    assert Reader(page).cells == ["1", "2.5", "3", "0.3333", "yes", "no", "x"]
    assert page.count('<td class="n">') == 4


def test_figures_and_images_are_embedded(tmp_path):
    report = Report("t")
    report.figure(lambda axes: axes.plot([1, 2], [3, 4]), 'a "line"')
    png = tmp_path / "a.png"
    png.write_bytes(b"\x89PNG")
    report.image(str(png), "b")
    sources = Reader(report.html()).sources
    assert len(sources) == 2 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert sources[1] == "data:image/png;base64,iVBORw=="


def test_without_matplotlib_the_tables_stay(monkeypatch):
    real = builtins.__import__

    def absent(name, *arguments, **named):
        if name.startswith("matplotlib"):
            raise SystemError("broken")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", absent)
    report = Report("t")
    report.figure(lambda axes: None, "a")
    report.table(("a",), [(1,)])
    assert Reader(report.html()).sources == [] and Reader(report.html()).cells == ["1"]


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (1, "1"),
        (0.35149, "0.3515"),
        (48.2358, "48.24"),
        (123456.7, "123500"),
        (9999.6, "10000"),
        (1.78539e-05, "1.785e-05"),
        (2.5e12, "2.5e+12"),
        (-99999, "-100000"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_have_four_significant_digits(value, text):
    assert number(value) == text
    assert not abs(value) < float("inf") or float(number(value)) == pytest.approx(value, rel=5e-4)


def test_small_probabilities_of_error():
    assert [p_value(p) for p in (0, 9.9e-4, 0.001, 0.0456, 1.0)] == ["< 0.001", "< 0.001", "0.001", "0.046", "1.000"]


def test_warnings_stand_at_the_top_once_and_parameters_keep_their_digits():
    report = Report("t")
    report.parameters([("area", 1449.43), ("seed", 7)])
    for text in ("first", "second", "first"):
        report.warning(text)
    page = report.html()
    assert page.count(">first<") == 1 and page.index(">second<") < page.index("Inputs and parameters")
    assert Reader(page).cells == ["area", "1449.43", "seed", "7"]


def test_names_in_chinese_get_a_font_of_their_own_also_along_an_axis(monkeypatch):
    from matplotlib import font_manager
    from matplotlib.figure import Figure

    font = font_manager.FontEntry(name="SimHei")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist, font])
    figure = Figure()
    axes = figure.add_subplot()
    axes.barh(["坡度", "slope"], [1, 2])
    axes.set_title("矿")
    _give_fonts(figure)
    chinese, english = axes.get_yticklabels()
    for text in (chinese, axes.title):
        assert "SimHei" in text.get_fontfamily() and text.get_fontfamily()[-1] == "DejaVu Sans"
    assert "SimHei" not in english.get_fontfamily()
