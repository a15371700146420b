"""How firm a list of sources is: what becomes of it when the choices behind it are made otherwise.

The list comes from a grid size, weights, a number of classes, an area threshold and, where only the best
connected patches stay, a dispersal distance. Feng, Bai & Wang (2024) chose one value of each. Here one
choice at a time is changed around the base, the list is made anew by the same functions, and the ground
of both lists is compared (one-at-a-time sensitivity analysis; Saltelli et al. 2008, Global Sensitivity
Analysis, ch. 1).

The stability of a source, 0 to 1, is the mean over the kinds of choice of the mean share of its ground
that is source under the alternatives of that kind: a kind counts once, however many alternatives it has.
The base itself is no alternative. A kind that cannot change the list by construction is left out, so that
it does not flatter the score: the dispersal distance where all patches above the area threshold are
sources, and the grid size where weights are given and the cells of the raster are classed. The words for
the score (firm, fairly firm, shaky, weak) are ours: below 0.5 the ground is source under fewer than half
of the choices, from 0.9 it hardly depends on them.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from osgeo import ogr

from ..errors import InputError, first_few
from ..geometry.cells import ThinPolygons, cells_of
from ..geometry.polygon_distance import edge_distances
from ..grid.grid import float_grid
from ..ids import source_ids
from ..progress import SILENT
from ..tables import number_of, split_list
from .components import EQUAL, MANUAL, weights_by_rule
from .importance import GRID_CELLS, unique_names
from .patches import label_patches
from .source_lists import MOST, ListMaker, Settings, SourceList, by_dpc, patch_classes_of

GRID, CLASSES, AREA, WEIGHTS, DISPERSAL = KINDS = (
    "grid size",
    "number of classes",
    "area threshold",
    "weights",
    "dispersal distance",
)
KIND_FIELDS = dict(
    zip(KINDS, ("stability_grid", "stability_classes", "stability_area", "stability_weights", "stability_dispersal"))
)
VERDICTS = ((0.9, "firm"), (0.7, "fairly firm"), (0.5, "shaky"), (0.0, "weak"))
"""Words for a stability of at least each bound; ours."""

OUTSIDE = "outside the map"
LOST_BELOW = 0.5  # share of a source's ground below which an alternative loses it

_ROUNDING = 1e-9
_RANKED = 1500  # patches whose ranks by dPC are told
_LISTED = 10  # pieces of ground that are not in the list


@dataclass(frozen=True)
class Alternatives:
    """What each choice is changed to; a value equal to the base's is no alternative, empty: not changed.

    ``weight_changes`` in % of a service's weight, each up and down; the other ways of weighting are tried too.
    """

    grid_sizes_m: tuple = (1000.0, 2000.0, 3000.0, 4000.0, 5000.0)
    class_counts: tuple = (4, 5, 6, 7)
    min_areas_km2: tuple = (4.0, 5.0, 7.0, 10.0, 15.0)
    weight_changes: tuple = (10.0, 20.0, 30.0, 40.0, 50.0)
    dispersal_distances: tuple = (500.0, 1000.0, 2500.0, 5000.0, 10000.0)


@dataclass
class Variant:
    """A list of sources by changed settings, compared with the list that is scored.

    Parameters
    ----------
    kind : str
        One of ``KINDS``, or ``base``.
    variant : str
        What was changed.
    words : (str, str, str)
        The same with what changed in the middle, so that several read ``1000, 2000 m``.
    share : ndarray, shape (sources,)
        Part of each scored source's ground that is source here, 0 to 1.
    n_sources : int
    area_km2 : float
        Of this list.
    jaccard : float
        Ground in both lists as a share of the ground in either, 0 to 1.
    kept, lost, new : int
        Scored sources that keep at least half of their ground, those that do not, and sources here that
        share no ground with any scored source.
    lost_km2, new_km2 : float
        Ground that is in the scored list alone, and here alone.
    kmo : float
    weight : ndarray, shape (services,)
    weights : str
        The same as manual weights are written.
    """

    kind: str
    variant: str
    words: tuple
    share: np.ndarray
    n_sources: int
    area_km2: float
    jaccard: float
    kept: int
    lost: int
    new: int
    lost_km2: float
    new_km2: float
    kmo: float
    weight: np.ndarray
    weights: str


@dataclass
class FirmSource:
    """A source and its stability; attributes are the output's fields, NaN or None where not known.

    ``base_share`` is the part of its ground that the base settings make source (1 for their own list);
    ``rank_min``, ``rank_max`` are the best and worst rank by dPC over the dispersal distances;
    ``lost_with`` says which alternatives lose it.
    """

    source_id: int
    area_km2: float
    geometry: object
    base_share: float
    stability: float = math.nan
    stability_grid: float = math.nan
    stability_classes: float = math.nan
    stability_area: float = math.nan
    stability_weights: float = math.nan
    stability_dispersal: float = math.nan
    rank_min: int = None
    rank_max: int = None
    verdict: str = OUTSIDE
    lost_with: str = ""
    attributes: dict = field(default_factory=dict)

    def row(self):
        """Its fields as a mapping, with the planner's own."""
        ours = {name: value for name, value in vars(self).items() if name not in ("geometry", "attributes")}
        return {**self.attributes, **ours}


@dataclass
class Firmness:
    """What :func:`source_firmness` finds.

    ``variants`` starts with the base; ``left_out`` maps a kind that does not count to the reason;
    ``skipped`` holds a sentence per alternative that could not be computed. ``ranks`` has a column per
    entry of ``rank_distances``; ``spearman`` compares dPC at each with the base distance. ``outside``:
    (x, y, km2, mean frequency) of ground that is not in the list and yet source under at least half of
    the choices.
    """

    names: list
    sources: list
    variants: list
    frequency: object
    stability: float
    settings: Settings
    left_out: dict
    skipped: list
    rank_distances: list
    ranks: np.ndarray
    spearman: list
    ranked: int
    outside: list
    outside_km2: float
    own_list: bool
    warnings: list

    @property
    def alternatives(self):
        return self.variants[1:]

    def of_kind(self, kind):
        return [v for v in self.alternatives if v.kind == kind]


# choices as text ----------------------------------------------------------------------------------------


def numbers_from_text(text, name, whole=False, above=0.0, up_to=math.inf, including=False):
    """Numbers from ``1000, 2000``, ascending, each once; an empty text gives none.

    Parameters
    ----------
    name : str
        For messages.
    whole : bool
        Whole numbers alone.
    above, up_to : float
        Range; ``including`` takes the lower bound in.

    Raises
    ------
    InputError
        A text that is no number, or one out of range.
    """
    found = set()
    for part in split_list(text, decimals=True):
        value = number_of(part)
        if value is None or (whole and value != math.floor(value)):
            raise InputError(
                f"{name}: '{part}' is not a {'whole ' if whole else ''}number; write numbers with commas "
                f"between, such as {'4, 5, 6' if whole else '10, 20, 50'}."
            )
        if not (value > above or (including and value == above)) or value > up_to:
            limit = f"{'of at least' if including else 'above'} {above:g}" + (
                f", up to {up_to:g}" if math.isfinite(up_to) else ""
            )
            raise InputError(f"{name}: {part} is out of range; give numbers {limit}.")
        found.add(int(value) if whole else value)
    return tuple(sorted(found))


def changed_weights(weights, index, percent):
    """Weights after one of them grew by so many per cent (negative: shrank), all scaled to add to 1."""
    changed = np.array(weights, dtype=np.float64)
    changed[index] *= 1 + percent / 100
    return changed / changed.sum()


def verdict(stability):
    """The word for a stability."""
    if math.isnan(stability):
        return OUTSIDE
    return next(word for bound, word in VERDICTS if stability >= bound - _ROUNDING)


def does_not_count(kind):
    """A kind of choice and its verb: the weights do not count, the grid size does not."""
    return f"{kind} {'do' if kind == WEIGHTS else 'does'} not count"


class _Scored:
    """The sources that are scored, by the flat indices of their cells."""

    def __init__(self, places, cells, template):
        self.index = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
        self.ends = np.cumsum([0, *(p.size for p in places)])
        self.cells = np.asarray(cells, dtype=np.float64)  # NaN for a source outside the map
        self.ground = np.zeros(template.shape, dtype=bool)
        self.ground.reshape(-1)[self.index] = True

    def share(self, mask):
        inside = np.concatenate(([0], np.cumsum(mask.reshape(-1)[self.index], dtype=np.int64)))[self.ends]
        return np.diff(inside) / self.cells


def _compare(kind, label, words, made, scored, maker, weights, kmo):
    """A Variant and the mask of its sources."""
    cell_km2, mask = maker.cell_km2, made.keep[made.labels]
    share = scored.share(mask)
    both = int(np.count_nonzero(mask & scored.ground))
    here, there = int(np.count_nonzero(mask)), int(np.count_nonzero(scored.ground))
    met = np.zeros(made.keep.size, dtype=bool)
    met[made.labels.reshape(-1)[scored.index]] = True
    known = share[~np.isnan(share)]
    kept = int(np.count_nonzero(known >= LOST_BELOW - _ROUNDING))
    either = here + there - both
    jaccard = both / either if either else 1.0
    return Variant(
        kind,
        label,
        words,
        share,
        int(made.keep.sum()),
        here * cell_km2,
        jaccard,
        kept,
        known.size - kept,
        int((made.keep & ~met).sum()),
        (there - both) * cell_km2,
        (here - both) * cell_km2,
        kmo,
        weights,
        ", ".join(f"{n}={w:.4g}" for n, w in zip(maker.names, weights.tolist())),
    ), mask


# the whole ----------------------------------------------------------------------------------------------


def source_firmness(
    services, names, settings=Settings(), alternatives=Alternatives(), sources=None, id_field="", progress=SILENT
):
    """How a list of sources changes when grid size, classes, area threshold, weights or dispersal do.

    Parameters
    ----------
    services : iterable of grid.Grid
        On the same cells.
    names : list of str
        One per service, two or more.
    settings : Settings
        The base.
    alternatives : Alternatives
        Each changes one setting of the base. Weights: each service up and down by each change, all
        scaled to add to 1 again; and the weightings by components, communalities, entropy and equal
        weights that the base is not.
    sources : layers.Layer, optional
        Polygons to be scored in any known CRS; None: the base's list.
    id_field : str
        Of ``sources``; see :func:`~..ids.source_ids`.

    Returns
    -------
    Firmness

    Raises
    ------
    InputError
        Unfit settings, services or sources; a base without any source; nothing that could be changed.

    Notes
    -----
    Memory per cell: 4 bytes for each service, 21 for importance, labels, classes, masks and frequency,
    and 60 per distinct importance while natural breaks are sought. Time: one set of natural breaks and
    one labelling per alternative of grid size, classes and weights; area thresholds share one labelling.
    """
    names = unique_names(names)
    settings.check()
    maker, quiet = ListMaker(services, names, settings, progress.part(0, 0.06)), progress.quiet()
    base = _make_base(maker, sources is None, quiet.part(0.06, 0.22))
    if sources is None:
        rows, scored, warned = _own_sources(base, maker)
    else:
        rows, scored, warned = _given_sources(sources, id_field, maker, progress)
    warnings = base.notes + warned
    first, _ = _compare("base", "base", ("", "base", ""), base.made, scored, maker, base.weights, base.kmo)
    for row, share in zip(rows, first.share):
        row.base_share = float(share)
    if sources is not None:
        warnings += _base_differs(rows, base.made)
    left_out = _cannot_change(settings, alternatives, base, maker)
    planned = _plan(settings, alternatives, left_out, names, base)
    variants, frequency, skipped = _make_all(maker, base, planned, scored, left_out, quiet.part(0.22, 0.9))
    used_kinds = [kind for kind in KINDS if kind not in left_out]
    _score(rows, variants, used_kinds, quiet)
    distances = sorted({settings.dispersal_distance, *alternatives.dispersal_distances})
    ranks, spearman, ranked = _rank(rows, base, sources is None, distances, maker, quiet.part(0.9, 0.98))
    if ranks is None:
        warnings.append(
            f"{ranked} patches are too many to rank by dPC at each dispersal distance (at most {_RANKED}): "
            f"the ranks are left empty."
        )
    outside, outside_km2 = _outside(frequency, scored.ground, maker)
    frequency[~maker.valid] = np.nan
    empty = [f"{v.kind} {v.variant}" for v in variants if not v.n_sources]
    if empty:
        warnings.append(f"No source at all is left with: {'; '.join(empty)}. There every source counts 0.")
    for text in [*warnings, *skipped]:
        progress.warn(text)
    for kind, why in left_out.items():
        progress.log(f"The {does_not_count(kind)} towards the stability: {why}.")
    known = [row for row in rows if not math.isnan(row.stability)]
    stability = sum(r.stability * r.area_km2 for r in known) / sum(r.area_km2 for r in known)
    progress(1.0)
    return Firmness(
        names,
        rows,
        [first, *variants],
        float_grid(frequency, maker.template, "frequency"),
        float(stability),
        settings,
        left_out,
        skipped,
        distances,
        ranks,
        spearman,
        ranked,
        outside,
        outside_km2,
        sources is None,
        warnings,
    )


@dataclass
class _Base:
    """What the base settings make; ``chosen`` are labels of the patches above the area threshold."""

    cells: object
    weights: np.ndarray
    kmo: float
    notes: list
    weighting: str
    others: dict  # weights by the other rules
    importance: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    chosen: np.ndarray
    shapes: list
    matrix: np.ndarray
    made: SourceList


def _make_base(maker, is_scored, progress):
    settings = maker.settings
    cells = maker.grid(settings.grid_size_m, progress.part(0, 0.1))
    weights, components, notes, used = maker.weigh(cells)
    others = {rule: w for rule, w in weights_by_rule(cells.means[cells.used], components).items() if rule != used}
    importance = maker.importance(cells, weights, progress.part(0.1, 0.2))
    labels, sizes = maker.patches(importance, cells, settings.class_count, progress.part(0.2, 0.5))
    chosen = maker.larger(sizes, settings.min_area_km2)
    if is_scored and not chosen.size:
        largest = float(sizes.max() * maker.cell_km2) if sizes.size else 0.0
        raise InputError(
            f"The base settings make no source: the largest patch has {largest:.4g} km2, and sources are "
            f"larger than {settings.min_area_km2:g} km2 (MIN_AREA); lower it."
        )
    by_dpc, shapes, matrix = maker.chooses_by_dpc(chosen), [], None
    if is_scored or by_dpc:
        shapes = maker.polygons(labels, chosen, progress.part(0.5, 0.7))
        if len(shapes) <= (MOST if by_dpc else _RANKED):
            matrix = edge_distances(shapes, progress.part(0.7, 0.85))
    made = maker.sources(labels, sizes, settings.min_area_km2, progress.part(0.85, 1), matrix)
    return _Base(
        cells,
        weights,
        _kmo(components),
        list(notes),
        used,
        others,
        importance,
        labels,
        sizes,
        chosen,
        shapes,
        matrix,
        made,
    )


def _make_all(maker, base, planned, scored, left_out, progress):
    """Variants, the frequency with which cells are source, and what could not be computed.

    A kind of which nothing could be computed joins ``left_out``.
    """
    variants, skipped = [], []
    frequency, counts = (np.zeros(maker.template.shape, dtype=kind) for kind in (np.float32, np.uint16))
    total, done = max(1, sum(map(len, planned.values()))), 0
    for kind in (AREA, DISPERSAL, CLASSES, GRID, WEIGHTS):  # the base's labels serve the first two
        counted = 0
        for label, words, change in planned.get(kind, ()):
            part = progress.part(done / total, (done + 1) / total)
            done += 1
            try:
                made, weights, kmo = _alternative(maker, base, kind, change, part)
            except InputError as error:
                skipped.append(f"{kind.capitalize()}, {label}: left out. {error}")
                continue
            variant, mask = _compare(kind, label, words, made, scored, maker, weights, kmo)
            variants.append(variant)
            counts += mask
            counted += 1
            part(1)
        if counted:
            frequency += counts / np.float32(counted)
            counts[:] = 0
        elif kind not in left_out:
            left_out[kind] = (
                "no alternative differs from the base"
                if not planned.get(kind)
                else "none of its alternatives could be computed"
            )
    if len(left_out) == len(KINDS):
        raise InputError(
            "Nothing is left that could change the list ("
            + "; ".join(f"{kind}: {why}" for kind, why in left_out.items())
            + "): give alternatives that differ from the base settings."
        )
    frequency /= len(KINDS) - len(left_out)
    return sorted(variants, key=lambda v: KINDS.index(v.kind)), frequency, skipped


def _alternative(maker, base, kind, change, progress):
    """The list with one choice changed, its weights and KMO."""
    settings = maker.settings
    area, count, cells, weights, kmo = settings.min_area_km2, settings.class_count, base.cells, base.weights, base.kmo
    if kind == AREA:
        return maker.sources(base.labels, base.sizes, change, progress), weights, kmo
    if kind == DISPERSAL:
        return maker.sources(base.labels, base.sizes, area, progress, base.matrix, change), weights, kmo
    if kind == CLASSES:
        surface, count = base.importance, change
    else:
        base.importance = None  # classes, which need it, are done
        if kind == GRID:
            cells = maker.grid(change, progress.part(0, 0.1))
            weights, components, _, _ = maker.weigh(cells)
            kmo = _kmo(components)
        else:
            weights = change
        surface = maker.importance(cells, weights, progress.part(0.1, 0.2))
    labels, sizes = maker.patches(surface, cells, count, progress.part(0.2, 0.9))
    return maker.sources(labels, sizes, area, progress.part(0.9, 1)), weights, kmo


def _kmo(components):
    return math.nan if components is None else components.kmo


def _cannot_change(settings, alternatives, base, maker):
    """Kinds of choice that cannot change the list, and why."""
    left_out = {}
    if base.weighting in (EQUAL, MANUAL) and settings.classify_on != GRID_CELLS:
        left_out[GRID] = (
            f"with {base.weighting} weights and classes from the cells of the raster the grid has no say in the list"
        )
    if not settings.top:
        left_out[DISPERSAL] = (
            "all patches above the area threshold are sources, however animals move; see the ranks "
            "by dPC instead, or say how many sources are kept by dPC (TOP)"
        )
    elif not maker.chooses_by_dpc(base.chosen):
        left_out[DISPERSAL] = (
            f"{base.chosen.size} patches are larger than {settings.min_area_km2:g} km2, no more "
            f"than are kept (TOP), so that nothing is chosen by dPC"
        )
    for kind, given in zip(
        KINDS,
        (
            alternatives.grid_sizes_m,
            alternatives.class_counts,
            alternatives.min_areas_km2,
            alternatives.weight_changes,
            alternatives.dispersal_distances,
        ),
    ):
        if not given:
            left_out[kind] = "no alternative is given"
    return left_out


def _plan(settings, alternatives, left_out, names, base):
    """(label, words, changed setting) of each alternative, by kind."""

    def of(options, base, before, after):
        return [
            (f"{before}{value:g}{after}", (before, f"{value:g}", after), value) for value in options if value != base
        ]

    weights = base.weights
    changes = [*(-c for c in reversed(alternatives.weight_changes)), *alternatives.weight_changes]
    options = [
        (f"{name} {percent:+g} %", (f"{name} ", f"{percent:+g}", " %"), changed_weights(weights, index, percent))
        for index, name in enumerate(names)
        for percent in changes
        if weights[index] * percent > -100
    ]
    for rule, found in base.others.items():
        label = rule if rule == EQUAL else f"by {rule}"
        options.append((label, ("", label, ""), found))
    planned = {
        GRID: of(alternatives.grid_sizes_m, settings.grid_size_m, "", " m"),
        CLASSES: [
            (_class_label(count, settings), ("", str(count), ""), count)
            for count in alternatives.class_counts
            if count != settings.class_count
        ],
        AREA: of(alternatives.min_areas_km2, settings.min_area_km2, "above ", " km2"),
        WEIGHTS: [option for option in options if not np.allclose(option[2], weights, rtol=0, atol=1e-12)],
        DISPERSAL: of(alternatives.dispersal_distances, settings.dispersal_distance, "", " m"),
    }
    return {kind: options for kind, options in planned.items() if kind not in left_out}


def _class_label(count, settings):
    chosen = patch_classes_of(count, settings.class_count, settings.patch_classes)
    return f"{count} (patches from {', '.join(map(str, chosen))})"


# the sources that are scored ----------------------------------------------------------------------------


def _own_sources(base, maker):
    """FirmSources of the base's list, the _Scored of their cells, and no warning."""
    made, chosen = base.made, base.chosen
    kept = np.flatnonzero(made.keep[chosen])
    place = np.zeros(made.keep.size, dtype=np.int64)
    place[chosen[kept]] = np.arange(1, kept.size + 1)
    index = np.flatnonzero(made.keep[made.labels])
    owner = place[made.labels.reshape(-1)[index]]
    order = np.argsort(owner, kind="stable")
    places = np.split(index[order], np.cumsum(np.bincount(owner, minlength=kept.size + 1)[1:])[:-1])
    rows = [
        FirmSource(
            i + 1,
            float(places[i].size * maker.cell_km2),
            ogr.ForceToMultiPolygon(base.shapes[k].Clone()),
            1.0,
            verdict="",
        )
        for i, k in enumerate(kept)
    ]
    return rows, _Scored(places, [p.size for p in places], maker.template), []


def _given_sources(sources, id_field, maker, progress):
    """FirmSources of a planner's polygons, the _Scored of their cells, and warnings."""
    ids = source_ids(sources, id_field, progress)
    moved = check_given(sources, maker.template, progress).valid_polygons(progress)
    rows, places, cells, warnings, outside, partly = [], [], [], [], [], []
    valid = maker.valid.reshape(-1)
    for identifier, geometry, attributes in zip(ids, moved.geometries, moved.attributes):
        progress.check()
        found = cells_of(geometry, maker.template, thin=ThinPolygons.TOUCHED)
        index = np.ravel_multi_index(found, maker.template.shape)
        whole = max(
            index.size,
            int(round(geometry.GetArea() / maker.template.cell_area_m2))
            if _reaches_out(geometry, maker.template)
            else 0,
        )
        known = np.count_nonzero(valid[index])
        if not geometry.GetArea() > 0 or not known:
            outside.append(str(identifier))
            index, whole = index[:0], math.nan
        elif known < 0.99 * whole:
            partly.append(f"{identifier} ({100 * (1 - known / whole):.0f} %)")
        rows.append(
            FirmSource(
                identifier,
                geometry.GetArea() / 1e6,
                ogr.ForceToMultiPolygon(geometry),
                math.nan,
                verdict=OUTSIDE if math.isnan(whole) else "",
                attributes=attributes,
            )
        )
        places.append(index)
        cells.append(whole)
    if len(outside) == len(rows):
        raise InputError(
            f"No source of layer '{sources.name}' lies where all services have a value: choose the "
            f"sources of this area, or correct the layer's CRS."
        )
    if outside:
        warnings.append(
            f"Sources {', '.join(outside)} of '{sources.name}' lie where no cell has a value of all "
            f"services: they have no stability and count for nothing."
        )
    if partly:
        warnings.append(
            f"Part of the ground of sources {', '.join(partly)} of '{sources.name}' has no value of all "
            f"services; it counts as ground that is never source."
        )
    scored = _Scored(places, cells, maker.template)
    twice = scored.index.size - int(np.count_nonzero(scored.ground))
    if twice:
        warnings.append(
            f"Sources of '{sources.name}' overlap on {twice * maker.cell_km2:.4g} km2: that ground counts "
            f"to each of them."
        )
    return rows, scored, warnings


def check_given(sources, template, progress=SILENT):
    """A planner's sources in the template's CRS; refused where none lies on the map."""
    sources.require_some("source polygon")
    return sources.to_crs_near(template.crs, template.bounds, other=template.name, progress=progress)


def _reaches_out(geometry, template):
    left, right, low, high = geometry.GetEnvelope()
    west, south, east, north = template.bounds
    return left < west or right > east or low < south or high > north


def _base_differs(rows, base):
    """A warning where the base settings do not make the planner's list."""
    known = [row for row in rows if not math.isnan(row.base_share)]
    missing = [str(row.source_id) for row in known if row.base_share < LOST_BELOW]
    if not missing:
        return []
    if not base.keep.any():
        return [
            "The base settings make no source at all: the list that is scored was made in another way, and "
            "stability says only how often other choices would make its ground source."
        ]
    return [
        f"The base settings do not make {len(missing)} of the {len(known)} sources that are scored "
        f"({first_few(missing, 12)}): less than half of their ground is source there. They were chosen in another way, "
        f"or by other settings than those given here."
    ]


# scores -------------------------------------------------------------------------------------------------


def _score(rows, variants, used_kinds, progress):
    by_kind = {kind: np.mean([v.share for v in variants if v.kind == kind], axis=0) for kind in used_kinds}
    overall = np.mean(list(by_kind.values()), axis=0)
    for index, row in enumerate(rows):
        progress.check()
        if row.verdict == OUTSIDE:
            continue
        for kind in used_kinds:
            setattr(row, KIND_FIELDS[kind], float(by_kind[kind][index]))
        row.stability = float(overall[index])
        row.verdict = verdict(row.stability)
        row.lost_with = _lost_with(index, variants, used_kinds)


def _lost_with(index, variants, used_kinds):
    """The alternatives that take more than half of a source's ground, by kind."""
    parts, whole = [], 0
    for kind in used_kinds:
        of_kind = [v for v in variants if v.kind == kind]
        losing = [v.words for v in of_kind if v.share[index] < LOST_BELOW - _ROUNDING]
        if len(losing) == len(of_kind) > 1:
            parts.append(f"{kind} (every alternative)")
            whole += 1
        elif losing:
            groups = {}
            for before, value, after in losing:
                groups.setdefault((before, after), []).append(value)
            parts.append(
                f"{kind} "
                + ", ".join(f"{before}{', '.join(values)}{after}" for (before, after), values in groups.items())
            )
    return "every alternative" if whole == len(used_kinds) else "; ".join(parts)


def _rank(rows, base, own_list, distances, maker, progress):
    """Ranks of the sources by dPC, Spearman's correlations, and how many patches were ranked.

    The base's list is ranked among the patches above the area threshold, a planner's in itself.
    """
    on_map, matrix = [row for row in rows if row.verdict != OUTSIDE], base.matrix
    if own_list:
        areas, place = base.sizes[base.chosen - 1] * maker.cell_km2, np.flatnonzero(base.made.keep[base.chosen])
    else:
        areas, place = np.array([row.area_km2 for row in on_map]), np.arange(len(on_map))
        matrix = None
        if len(on_map) <= _RANKED:
            matrix = edge_distances([row.geometry for row in on_map], progress.part(0, 0.4))
    if matrix is None:
        return None, [], areas.size
    ranks, spearman = _ranks(areas, matrix, distances, maker, progress.part(0.4, 1))
    ranks = ranks[place]
    for row, own in zip(on_map, ranks):
        row.rank_min, row.rank_max = int(own.min()), int(own.max())
    return ranks, spearman, areas.size


def _ranks(areas, matrix, distances, maker, progress):
    """Ranks by dPC, shape (patches, distances), and Spearman's correlation of dPC with that at the base distance."""
    columns = []
    for k, distance in enumerate(distances):
        dpc = maker.dpc(areas, matrix, distance, progress.part(k / len(distances), (k + 1) / len(distances)))
        order = by_dpc(dpc)
        rank = np.empty(order.size, dtype=np.int64)
        rank[order] = np.arange(1, order.size + 1)
        columns.append((rank, dpc))
    base = columns[distances.index(maker.settings.dispersal_distance)][1]
    return np.column_stack([rank for rank, _ in columns]), [_spearman(base, dpc) for _, dpc in columns]


def _spearman(a, b):
    """Spearman's rank correlation; NaN for fewer than three values or equal ones."""
    from scipy.stats import rankdata

    if a.size < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def _outside(frequency, ground, maker):
    """(x, y, km2, mean frequency) of ground outside the list that is source under half of the choices, and its km2."""
    often = (frequency >= 0.5 - 1e-6) & ~ground
    total = float(np.count_nonzero(often) * maker.cell_km2)
    labels, sizes = label_patches(often, maker.settings.diagonals, maker._labels)
    order = np.argsort(-sizes, kind="stable")[:_LISTED]
    result = []
    for label in order + 1:
        area = float(sizes[label - 1] * maker.cell_km2)
        if area < 0.1 * maker.settings.min_area_km2:
            break
        rows, cols = np.nonzero(labels == label)
        middle = int(np.argmin((rows - rows.mean()) ** 2 + (cols - cols.mean()) ** 2))  # a cell of it
        x, y = maker.template.xy(rows[middle], cols[middle])
        result.append((float(x), float(y), area, float(frequency[rows, cols].mean(dtype=np.float64))))
    return result, total
