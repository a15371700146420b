"""What is suggested for corridors that cross a road, by the road's class: an editable table."""

from __future__ import annotations

from dataclasses import dataclass

from .. import tables

_COLUMNS = [tables.Column("word", "text", required=False, default=""), tables.Column("measure", "text")]


@dataclass(frozen=True)
class RoadMeasures:
    """Measures by a word of the road's class.

    Parameters
    ----------
    rows : tuple of (str, str)
        Word and measure; the row with an empty word serves all other roads.
    """

    rows: tuple[tuple[str, str], ...]

    def of(self, road_class: str | None) -> str | None:
        """The measure of the first row whose word stands in the class, in any case; None where there is none."""
        text = (road_class or "").lower()
        for word, measure in self.rows:
            if word and word.lower() in text:
                return measure
        return next((measure for word, measure in self.rows if not word), None)


def read_measures(raw: tables.RawTable | None = None) -> RoadMeasures:
    """The measures of a table ``word, measure``; by default of the shipped one.

    Raises
    ------
    InputError
        A table without the column of measures, or a row without a measure.
    """
    table = tables.parse(raw or tables.shipped("network", "road_measures.csv"), _COLUMNS)
    return RoadMeasures(tuple((row["word"], row["measure"]) for row in table.rows))
