"""What a run told, in numbers and words: a table and the page of the demo."""

import html
import re

from demo_studies import MEANINGS, NOTES, PITS, STAGES, STUDIES
from load_econet import load_econet

load_econet()

from econet.core.sources.components import KAISER


def result(run, name):
    """A number or text among a run's results, whatever the child that gave it; decimals cut to four digits."""
    for key, value in run.results.items():
        if key.split(":")[-1] == name:
            return re.sub(r"\d+\.\d+(e-?\d+)?", lambda found: f"{float(found.group()):.4g}", value)
    return "-"


def weights_in_words(text):
    """Weights as `habitat quality 0.33, carbon storage 0.67`."""
    return re.sub(
        r"(\w+)=(\d[\d.e+-]*)", lambda found: f"{found.group(1).replace('_', ' ')} {float(found.group(2)):.2f}", text
    )


def kmo_in_words(run):
    """The KMO with Kaiser's word for it; with two services it says nothing."""
    text = result(run, "kmo")
    if result(run, "weights").count("=") == 2:
        return "not applicable (always 0.5 with two services)"
    if text == "-":
        return text
    return f"{text} ({next(word for bound, word in KAISER if float(text) < bound)})"


def summary(layers, run):
    """The rows of the printed table: label to text."""

    def features(algorithm):
        layer = layers.get((algorithm, "OUTPUT"))
        return list(layer.getFeatures()) if layer is not None else []

    corridors = features("corridors")
    kept = [feature for feature in features("gravitymodel") if not feature["redundant"]]
    points = features("breakpoints")
    surfaces = len(features("fracturesurfaces")) if ("fracturesurfaces", "OUTPUT") in layers else "-"
    return {
        "sources": str(len(features("selectsources"))),
        "corridors": str(len(corridors)),
        "important": str(sum(feature["class"] == "important" for feature in kept)),
        "general": str(sum(feature["class"] == "general" for feature in kept)),
        "redundant": str(sum(feature["redundant"] for feature in corridors)),
        "breakpoints (on important)": f"{len(points)} ({sum(point['class'] == 'important' for point in points)})",
        "fracture surfaces": str(surfaces),
        "KMO": kmo_in_words(run),
        "weights": weights_in_words(result(run, "weights")),
        "PC": result(run, "pc"),
        "stability": result(run, "STABILITY"),
    }


def figures(told):
    """A row per figure, a column per study; the first row names the studies."""
    labels = list(dict.fromkeys(label for rows, _ in told.values() for label in rows))
    return [
        ["", *(study.title for study in told_studies(told))],
        *([label, *(rows.get(label, "-") for rows, _ in told.values())] for label in labels),
    ]


def times(told):
    """A row of seconds per step, a column per study."""
    lines = []
    # Their names start with the number of their group; models run them in an order of their own.
    steps = sorted({name for _, run in told.values() for name, _ in run.steps})
    for step in steps:
        cells = []
        for _, run in told.values():
            seconds = [taken for name, taken in run.steps if name == step]
            cells.append(f"{sum(seconds):.1f} s" if seconds else "-")
        lines.append([step, *cells])
    lines.append(["whole model", *(f"{run.seconds:.1f} s" for _, run in told.values())])
    return lines


def told_studies(told):
    return [study for study in STUDIES if study.name in told]


def print_table(lines):
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    print()
    for number_, row in enumerate(lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number_ == 0:
            print("  ".join("-" * width for width in widths))
    print()


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>EcoNet demo</title><style>
body {{ font: 15px/1.5 "DejaVu Sans", sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .9em; border-bottom: 1px solid #ddd; text-align: left }}
img {{ max-width: 100%; border: 1px solid #ccc; margin: .5em 0 1.5em }}
</style></head><body>
<h1>EcoNet: two ecological networks</h1>
<p>Made by <code>scripts/demo</code>. A QGIS project per landscape holds its layers.</p>
<table>{rows}</table>
{studies}
<h2>Times</h2>
<table>{times}</table>
</body></html>
"""


def table_rows(lines):
    return "".join(
        "<tr>"
        + "".join(f"<{'td' if index else 'th'}>{html.escape(cell)}</{'td' if index else 'th'}>" for cell in row)
        + "</tr>"
        for index, row in enumerate(lines)
    )


def page(told, reports, maps):
    lines, studies = figures(told), told_studies(told)
    meant = [[*row, MEANINGS.get(row[0], "what it means")] for row in lines]
    parts = []
    for study in studies:
        parts.append(f"<h2>{html.escape(study.title)}</h2><p>{html.escape(study.note)}</p>")
        links = [("QGIS project", study.project.name), ("log of the run", f"{study.name}/log.txt")] + [
            (title, f"{study.name}/{path.name}") for title, path in reports[study.name]
        ]
        fractured = told[study.name][0].get("fracture surfaces", "-") not in ("-", "0")
        parts.append(
            "<p>" + " · ".join(f'<a href="{target}">{html.escape(title)}</a>' for title, target in links) + "</p>"
        )
        for stage in maps[study.name]:
            title = STAGES[stage][0]
            note = NOTES[stage] + (" " + PITS if stage == "breakpoints" and fractured else "")
            parts.append(
                f"<h3>{html.escape(title)}</h3><p>{html.escape(note)}</p>"
                f'<img src="maps/{study.name}_{stage}.png" alt="{html.escape(study.title)}: {html.escape(title)}">'
            )
    return PAGE.format(rows=table_rows(meant), studies="\n".join(parts), times=table_rows([lines[0], *times(told)]))
