"""Interaction between sources by the gravity model, and important and general corridors.

Feng, Bai & Wang (2024), Eq 9 and Table 4. The middle form of Eq 9 prints 1/(P ln S) where its
result needs ln S / P, and only the result can give Table 4; the result is used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..arrays import Bools, Floats, Ints
from ..crs import require_metres
from ..errors import InputError
from ..geometry.layers import Layer, bounds_of
from ..grid.grid import Grid
from ..ids import as_id, id_list
from ..options import Option
from ..progress import SILENT, Progress
from .source_measures import OrderedSources, ordered_sources, source_resistance
from .thresholds import Threshold, ThresholdRule, is_above

_RULED_BY_FEW = 0.1
"""Where fewer than this share of the pairs exceeds the mean, a few near pairs rule it (Table 4: 0.23)."""
_FEW_PAIRS = 20

IMPORTANT, GENERAL = "important", "general"
_RESULT_FIELDS = ("gravity", "class")


class GravityForm(Option):
    """How the area of a source enters Eq 9."""

    LOGARITHM = "closed form of Eq 9", "Closed form of equation 9 (ln S / P)"
    AREA = "area form", "Area form (S / P)"


class AreaUnit(Option):
    """The unit of S in the formula."""

    KM2 = "km2", "km2"
    HA = "ha", "ha"
    M2 = "m2", "m2"

    @property
    def per_km2(self) -> float:
        """Units in one km2."""
        return {"km2": 1.0, "ha": 100.0, "m2": 1e6}[self.value]


@dataclass(frozen=True)
class GravityChoices:
    """The conventions of the gravity model.

    Parameters
    ----------
    form : GravityForm
    area_unit : AreaUnit
        Of S in the formula.
    threshold : Threshold
        Taken over all corridors; redundant ones are dropped after it, which is how 48 pairs of Table 4 above
        its mean become 46 corridors.
    drop_redundant : bool
    id_field : str
        As :func:`~econet.core.ids.source_ids` takes it, so that ids are those of the corridors.
    """

    form: GravityForm = GravityForm.LOGARITHM
    area_unit: AreaUnit = AreaUnit.KM2
    threshold: Threshold = field(default_factory=Threshold)
    drop_redundant: bool = True
    id_field: str = ""


@dataclass(frozen=True)
class End:
    """What the gravity model takes of the source at one end of a corridor.

    Parameters
    ----------
    area : float or ndarray
        S in the area unit; above 1 for the closed form.
    resistance : float or ndarray
        P, mean resistance of the source, above 0.
    """

    area: float | Floats
    resistance: float | Floats


@dataclass
class Interaction:
    """What the gravity model found.

    Parameters
    ----------
    corridors : Layer
        The corridors that were kept, with all their fields, ``gravity`` and ``class``.
    ids : list
        Source ids, in order.
    area_km2, resistance : ndarray, shape (n,)
        S and P of each source.
    matrix : ndarray, shape (n, n)
        Gravity of every pair, redundant ones too; symmetric; 0 on the diagonal, NaN without corridor.
    threshold : float
        Corridors above it are important.
    rule : ThresholdRule
    longest_cost : float
        L_max, resistance x metre.
    values : ndarray, shape (m,)
        Gravity of every corridor, redundant ones too.
    kept : bool ndarray, shape (m,)
        False: dropped as redundant.
    warnings : list of str
    """

    corridors: Layer
    ids: list[int]
    area_km2: Floats
    resistance: Floats
    matrix: Floats
    threshold: float
    rule: ThresholdRule
    longest_cost: float
    values: Floats
    kept: Bools
    warnings: list[str]

    @property
    def n_important(self) -> int:
        """Important corridors that were kept."""
        return self.counts_above(self.threshold)[2]

    @property
    def n_general(self) -> int:
        """General corridors that were kept."""
        return self.counts_above(self.threshold)[3]

    @property
    def n_redundant(self) -> int:
        """Redundant corridors that were dropped."""
        return int((~self.kept).sum())

    def counts_above(self, threshold: float) -> tuple[int, int, int, int]:
        """Of the corridors above a threshold: how many, how many of them dropped and kept; general ones kept."""
        above = is_above(self.values, threshold)
        return (
            int(above.sum()),
            int((above & ~self.kept).sum()),
            int((above & self.kept).sum()),
            int((~above & self.kept).sum()),
        )

    def matrix_rows(self) -> list[dict[str, int | float | None]]:
        """The matrix as rows: ``source_id``, then one column per source; None without corridor."""
        return [
            {
                "source_id": one,
                **{str(two): None if np.isnan(value) else float(value) for two, value in zip(self.ids, row)},
            }
            for one, row in zip(self.ids, self.matrix)
        ]

    def pairs(self) -> list[tuple[int, int, float]]:
        """Every pair as (source_a, source_b, gravity), the strongest first."""
        one, two = np.triu_indices(len(self.ids), 1)
        values = self.matrix[one, two]
        order = [i for i in np.argsort(-values, kind="stable") if not np.isnan(values[i])]
        return [(self.ids[one[i]], self.ids[two[i]], float(values[i])) for i in order]


def gravity(
    cost: float | Floats,
    one: End,
    two: End,
    *,
    longest_cost: float,
    form: GravityForm = GravityForm.LOGARITHM,
) -> float | Floats:
    """Eq 9: ``L_max^2 ln(S_a) ln(S_b) / (L_ab^2 P_a P_b)``; the area form has S in place of ln S.

    Parameters
    ----------
    cost : float or ndarray
        L_ab, above 0.
    one, two : End
        The sources at both ends.
    longest_cost : float
        L_max, in the unit of ``cost``.

    Returns
    -------
    float or ndarray
        Without unit. L 10, L_max 50, S 20 and 30, P 2 and 2.5: 50.945384.
    """
    size_one, size_two = (
        np.log(end.area) if form is GravityForm.LOGARITHM else np.asarray(end.area, dtype=np.float64)
        for end in (one, two)
    )
    result: float | Floats = (
        (longest_cost / np.asarray(cost, dtype=np.float64)) ** 2
        * size_one
        * size_two
        / (np.asarray(one.resistance, dtype=np.float64) * two.resistance)
    )
    return result


def gravity_model(
    corridors: Layer,
    sources: Layer,
    resistance: Grid,
    *,
    choices: GravityChoices,
    progress: Progress = SILENT,
) -> Interaction:
    """Gravity of every corridor, the threshold, and which corridors are important.

    Parameters
    ----------
    corridors : Layer
        With ``source_a``, ``source_b``, ``cost`` and, to drop them, ``redundant``.
    sources : Layer
        Polygons; their area is measured on the polygons.
    resistance : Grid
        The surface that the corridors were made on.
    choices : GravityChoices

    Returns
    -------
    Interaction

    Raises
    ------
    InputError
        Missing fields, unknown or repeated sources, pairs given twice, costs that are no positive
        number, ln S <= 0; layers that lie wholly away from the resistance surface.

    Notes
    -----
    A cost of 0 (edge to edge, sources that touch) is raised to one cell: the shorter side times the
    lowest resistance of the map, the least that any step can cost. Then a few near pairs rule the
    mean, and the log advises natural breaks.
    """
    warnings: list[str] = []
    progress = progress.recording(warnings)
    corridors = check_corridors(corridors)
    ordered = _ordered_sources_on(resistance, corridors, sources, choices, progress)
    pairs, cost = _pairs(corridors, ordered)
    mean_resistance = source_resistance(ordered.geometries, resistance, ids=ordered.ids, progress=progress.part(0, 0.8))
    ordered.warn_of_other_areas(progress.warn)
    area_km2 = ordered.area_km2
    size = area_km2 * choices.area_unit.per_km2
    if choices.form is GravityForm.LOGARITHM:
        _require_logarithms(ordered, size, choices.area_unit)
    n_touching = int((cost == 0).sum())
    if n_touching:
        cost = _raised_to_one_cell(cost, resistance, corridors.name, progress)
    longest = float(cost.max())
    one, two = (End(size[places], mean_resistance[places]) for places in pairs.T)
    values = np.asarray(gravity(cost, one, two, longest_cost=longest, form=choices.form))
    _warn_of_missing_pairs(len(values), len(ordered.ids), progress)
    limit = choices.threshold.of(values, progress=progress)
    important = is_above(values, limit)
    if choices.threshold.rule is ThresholdRule.MEAN and not n_touching:
        _warn_of_a_mean_ruled_by_few(important, limit, progress)
    kept = _kept(corridors, important, progress) if choices.drop_redundant else np.ones(len(values), dtype=bool)
    found = Interaction(
        corridors=_with_gravity(corridors, values, important, kept),
        ids=ordered.ids,
        area_km2=area_km2,
        resistance=mean_resistance,
        matrix=_matrix(len(ordered.ids), pairs, values),
        threshold=limit,
        rule=choices.threshold.rule,
        longest_cost=longest,
        values=values,
        kept=kept,
        warnings=warnings,
    )
    progress.log(
        f"Form: {choices.form}, S in {choices.area_unit}. Threshold ({found.rule}): {limit:.6g}. "
        f"{found.n_important} important and {found.n_general} general corridors."
    )
    return found


def check_corridors(corridors: Layer) -> Layer:
    """Corridors with the fields that the model needs, recognised regardless of case.

    Parameters
    ----------
    corridors : Layer
        The corridors, or their outline.

    Raises
    ------
    InputError
        No corridor, no CRS in metres, or a field that is missing.
    """
    corridors.require_some("corridor")
    west, south, _, _ = bounds_of(corridors.geometries)
    require_metres(corridors.crs, corridors.name, centre=(west, south))
    corridors = corridors.with_fields("source_a", "source_b", "cost", "redundant")
    for name, purpose in (
        ("source_a", "the id of the source at one end"),
        ("source_b", "the id of the source at one end"),
        ("cost", "accumulated cost, resistance x metre"),
    ):
        corridors.require_field(name, purpose)
    return corridors


def _ordered_sources_on(
    resistance: Grid, corridors: Layer, sources: Layer, choices: GravityChoices, progress: Progress
) -> OrderedSources:
    """The sources in the CRS of the resistance surface; both layers have to meet it."""
    template = resistance.template
    name = resistance.name or template.name
    sources.require_some("source")
    corridors.to_crs_near(template.crs, template.bounds, other=name)
    sources = sources.with_fields("area_km2").to_crs_near(template.crs, template.bounds, other=name, progress=progress)
    return ordered_sources(sources, id_field=choices.id_field, progress=progress)


def _require_logarithms(sources: OrderedSources, size: Floats, unit: AreaUnit) -> None:
    small = [identifier for identifier, area in zip(sources.ids, size) if area <= 1]
    if small:
        raise InputError(
            f"Layer '{sources.layer}': {'source' if len(small) == 1 else 'sources'} {id_list(small)} of at most "
            f"1 {unit} would have ln S <= 0 and no gravity: choose another area unit or the area form, or "
            f"leave them out.",
            layer=sources.layer,
        )


def _raised_to_one_cell(cost: Floats, resistance: Grid, layer: str, progress: Progress) -> Floats:
    """Costs of which those that are 0 are the least that any step can cost."""
    values, template = resistance.values, resistance.template
    least = np.min(values, where=resistance.valid & (values > 0), initial=np.inf)
    floor = min(template.cell_width, template.cell_height) * float(least)
    progress.warn(
        f"{int((cost == 0).sum())} corridor(s) of '{layer}' cost 0 (their sources touch) and count as one cell, "
        f"{floor:g}: a few near pairs then rule the mean; threshold rule 'natural breaks' is advised."
    )
    return np.where(cost == 0, floor, cost)


def _warn_of_missing_pairs(n_pairs: int, n_sources: int, progress: Progress) -> None:
    expected = n_sources * (n_sources - 1) // 2
    if n_pairs < expected:
        progress.warn(
            f"Only {n_pairs} of {expected} pairs of {n_sources} sources have a corridor: the longest cost and the "
            f"threshold are those of these pairs, and differ from those of all pairs."
        )


def _warn_of_a_mean_ruled_by_few(important: Bools, limit: float, progress: Progress) -> None:
    if len(important) >= _FEW_PAIRS and important.mean() < _RULED_BY_FEW:
        progress.warn(
            f"Only {important.sum()} of {len(important)} corridors exceed the mean, {limit:.6g}: a few near pairs rule "
            f"it; consider threshold rule 'natural breaks' or 'median'."
        )


def _kept(corridors: Layer, important: Bools, progress: Progress) -> Bools:
    """Which corridors stay once redundant ones are dropped."""
    if "redundant" not in corridors.field_names:
        progress.warn(f"Layer '{corridors.name}' has no field 'redundant': no corridor was dropped.")
        return np.ones(len(corridors), dtype=bool)
    kept = ~_flags(corridors, "redundant")
    progress.log(
        f"{(~kept).sum()} redundant corridor(s) were dropped after the threshold was taken, "
        f"{(important & ~kept).sum()} of them important."
    )
    return kept


def _matrix(n_sources: int, pairs: Ints, values: Floats) -> Floats:
    matrix = np.full((n_sources, n_sources), np.nan)
    np.fill_diagonal(matrix, 0.0)
    one, two = pairs.T
    matrix[one, two] = matrix[two, one] = values
    return matrix


def _with_gravity(
    corridors: Layer,
    values: Floats,
    important: Bools,
    kept: Bools,
) -> Layer:
    """The corridors that are kept, with ``gravity`` and ``class`` as their last fields."""
    rows = np.flatnonzero(kept)
    return Layer(
        corridors.name,
        corridors.crs,
        [corridors.geometries[i] for i in rows],
        [
            {
                **corridors.attributes[i],
                "gravity": float(values[i]),
                "class": IMPORTANT if important[i] else GENERAL,
            }
            for i in rows
        ],
        [*(name for name in corridors.field_names if name not in _RESULT_FIELDS), *_RESULT_FIELDS],
    )


def _pairs(corridors: Layer, sources: OrderedSources) -> tuple[Ints, Floats]:
    """Places among the sources of both ends of every corridor, shape (m, 2), and costs, shape (m,)."""
    cost = corridors.numbers("cost", "accumulated cost, resistance x metre", minimum=0)
    place = {source_id: index for index, source_id in enumerate(sources.ids)}
    seen: dict[Sequence[int], int] = {}
    pairs = np.empty((len(corridors), 2), dtype=np.int64)
    for index, attributes in enumerate(corridors.attributes):
        refused = f"Layer '{corridors.name}', feature {index + 1}"
        for side, name in enumerate(("source_a", "source_b")):
            source_id = as_id(attributes[name])
            if source_id not in place:
                raise InputError(
                    f"Layer '{corridors.name}', field '{name}', feature {index + 1}: source "
                    f"{'NULL' if source_id is None else source_id} is not in layer '{sources.layer}'; use the sources "
                    f"that the corridors were made from.",
                    layer=corridors.name,
                    feature=index + 1,
                    value=source_id,
                )
            pairs[index, side] = place[source_id]
        one, two = pair = tuple(sorted(pairs[index].tolist()))
        if one == two:
            raise InputError(
                f"{refused} joins source {sources.ids[one]} to itself: delete it.",
                layer=corridors.name,
                feature=index + 1,
            )
        if pair in seen:
            raise InputError(
                f"{refused}: the pair {sources.ids[one]} and {sources.ids[two]} has a corridor already, "
                f"feature {seen[pair]}; keep one of them.",
                layer=corridors.name,
                feature=index + 1,
            )
        seen[pair] = index + 1
    return pairs, cost


def _flags(layer: Layer, name: str) -> Bools:
    """A boolean field, however the format wrote it."""
    flags = np.zeros(len(layer), dtype=bool)
    for index, value in enumerate(layer.values(name)):
        word = str(0 if value is None else value).strip().lower()
        if word in ("1", "1.0", "true", "t", "yes"):
            flags[index] = True
        elif word not in ("0", "0.0", "false", "f", "no", ""):
            raise InputError(
                f"Layer '{layer.name}', field '{name}', feature {index + 1}: '{value}' is neither yes nor "
                f"no; write 1 or 0.",
                layer=layer.name,
                feature=index + 1,
                value=value,
            )
    return flags
