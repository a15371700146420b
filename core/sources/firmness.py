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

from ..errors import InputError
from ..ids import source_ids
from ..natural_breaks import check_class_count
from ..polygon_distance import edge_distances
from ..progress import SILENT
from ..raster import float_grid
from ..report import Report, number
from ..tables import number_of, split_list
from ..vector import cells_of, polygonize
from .components import (COMPONENT_SCORES, CORRELATION, EIGENVALUE_RULE, EQUAL, MANUAL, weigh, weights_by_rule)
from .importance import (GRID_CELLS, RASTER_CELLS, check_grid_size, grid_means, importance_classes, normalise,
                         parse_weights, unique_names, weighted_sum)
from .indices import check_dispersal, connectivity
from .patches import label_patches

GRID, CLASSES, AREA, WEIGHTS, DISPERSAL = KINDS = (
    "grid size", "number of classes", "area threshold", "weights", "dispersal distance")
KIND_FIELDS = dict(zip(KINDS, ("stability_grid", "stability_classes", "stability_area", "stability_weights",
                               "stability_dispersal")))
VERDICTS = ((0.9, "firm"), (0.7, "fairly firm"), (0.5, "shaky"), (0.0, "weak"))
"""Words for a stability of at least each bound; ours."""

OUTSIDE = "outside the map"
LOST_BELOW = 0.5   # share of a source's ground below which an alternative loses it

_ROUNDING = 1e-9
_MOST = 5000       # patches that are ranked by dPC to choose among them
_RANKED = 1500     # the same, only to tell the ranks
_LISTED = 10       # of the weakest sources, and of ground that is not in the list
_SHOWN = 60        # sources in the heat map
_TOLD = 200        # sources in the report's table


@dataclass(frozen=True)
class Settings:
    """The choices behind a list of sources; meanings and ranges are those of the single steps.

    Parameters
    ----------
    patch_classes : tuple of int
        Classes, of ``class_count``, that make patches.
    min_area_km2 : float
        Patches larger than this are sources (super-large: > 7).
    top : int
        Of these the first so many by dPC stay; 0: all.
    """

    grid_size_m: float = 3000.0
    class_count: int = 5
    patch_classes: tuple = (4, 5)
    min_area_km2: float = 7.0
    weighting: str = COMPONENT_SCORES
    weights: str = ""
    clip: tuple = None
    classify_on: str = RASTER_CELLS
    diagonals: bool = True
    dispersal_distance: float = 2500.0
    dispersal_probability: float = 0.5
    top: int = 0
    component_rule: str = EIGENVALUE_RULE
    matrix: str = CORRELATION
    min_valid_share: float = 0.5

    def check(self):
        """Refuse what no list can be made from."""
        check_class_count(self.class_count)
        check_dispersal(self.dispersal_distance, self.dispersal_probability)
        beyond = [c for c in self.patch_classes if not 1 <= c <= self.class_count]
        if beyond:
            raise InputError(f"Classes that make patches (PATCH_CLASSES): {beyond[0]} is none of the classes 1 to "
                             f"{self.class_count}; correct it, or the number of classes (CLASS_COUNT).")
        if len(set(self.patch_classes)) == self.class_count:
            raise InputError(f"Classes that make patches (PATCH_CLASSES): all {self.class_count} classes make patches, "
                             f"so that the whole map is one; leave the less important ones out.")
        if not self.grid_size_m > 0:
            raise InputError(f"The grid size (GRID_SIZE) is {self.grid_size_m:g}: give one above 0 m.")
        if not self.min_area_km2 >= 0:
            raise InputError(f"The area threshold (MIN_AREA) is {self.min_area_km2:g}: give one of at least 0 km2.")
        if not 0 < self.min_valid_share <= 1:
            raise InputError(f"The valid share of a grid cell is {self.min_valid_share:g}: give one above 0, up to 1.")


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
            raise InputError(f"{name}: '{part}' is not a {'whole ' if whole else ''}number; write numbers with commas "
                             f"between, such as {'4, 5, 6' if whole else '10, 20, 50'}.")
        if not (value > above or (including and value == above)) or value > up_to:
            limit = f"{'of at least' if including else 'above'} {above:g}" + (
                f", up to {up_to:g}" if math.isfinite(up_to) else "")
            raise InputError(f"{name}: {part} is out of range; give numbers {limit}.")
        found.add(int(value) if whole else value)
    return tuple(sorted(found))


def patch_classes_of(count, base_count, base_classes):
    """The classes, of another number of them, that correspond to those that make patches in the base.

    Class j of k stands for the ranks ((j - 1) / k, j / k]; it makes patches where its middle lies in a
    class of the base that does. The two highest of five so become the two highest of four and of six
    and the three highest of seven. Where no middle does, the classes that hold the middles of the base's.
    """
    chosen = tuple(j for j in range(1, count + 1)
                   if -(-(2 * j - 1) * base_count // (2 * count)) in base_classes)
    return chosen or tuple(sorted({-(-(2 * c - 1) * count // (2 * base_count)) for c in base_classes}))


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


# lists of sources ---------------------------------------------------------------------------------------

@dataclass
class _List:
    """Sources on the cells: labels of all patches, and which of them are sources (by label)."""

    labels: np.ndarray
    cells: np.ndarray     # per label from 1
    keep: np.ndarray      # booleans per label from 0


class _Maker:
    """Makes lists of sources from services that were normalised once."""

    def __init__(self, services, names, settings, progress):
        self.settings, self.names = settings, names
        self.normalised, self.valid, self.template = [], None, None
        for index, (service, name) in enumerate(zip(services, names)):
            values, _ = normalise(service, name, settings.clip, progress)
            self.template = self.template or service.template
            known = ~np.isnan(values)
            self.valid = known if self.valid is None else self.valid & known
            self.normalised.append(values)
            progress((index + 1) / len(names))
        if not self.valid.any():
            raise InputError(f"No cell of '{self.template.name}' has a value of all of {', '.join(names)}: choose "
                             f"maps that cover one area.")
        self.manual = parse_weights(settings.weights, names) if settings.weighting == MANUAL else None
        self.cell_km2 = self.template.cell_area_m2 / 1e6
        self._labels = None

    def grid(self, size_m, progress):
        check_grid_size(size_m, self.template)
        return grid_means(self.normalised, self.valid, self.template, size_m, self.settings.min_valid_share, progress)

    def weigh(self, cells):
        """As :func:`~.components.weigh`, by the settings."""
        s = self.settings
        return weigh(cells.means[cells.used], self.names, s.weighting, self.manual, s.component_rule, s.matrix)

    def importance(self, cells, weights, progress):
        cells.importance = cells.means @ weights
        return weighted_sum(self.normalised, weights, self.valid, progress)

    def patches(self, importance, cells, class_count, progress):
        """Labels and sizes of the patches; the labels hold until the next call."""
        s = self.settings
        classes, _ = importance_classes(importance, cells, self.valid, self.template, class_count, s.classify_on,
                                        progress=progress.part(0, 0.8))
        chosen = np.zeros(classes.shape, dtype=bool)
        for number_ in patch_classes_of(class_count, s.class_count, s.patch_classes):
            chosen |= classes == number_
            progress.check()
        self._labels, sizes = label_patches(chosen, s.diagonals, self._labels, progress.part(0.8, 1))
        return self._labels, sizes

    def larger(self, sizes, min_area_km2):
        """Labels of the patches above an area, largest first, equal ones from the top left."""
        order = np.argsort(-sizes, kind="stable")
        return order[sizes[order] * self.cell_km2 > min_area_km2] + 1

    def polygons(self, labels, chosen, progress):
        """A polygon per chosen label, in their order."""
        place = np.zeros(int(labels.max()) + 1, dtype=np.int32)
        place[chosen] = np.arange(1, chosen.size + 1)
        found = polygonize(place[labels], self.template, progress)
        return [found[i] for i in range(1, chosen.size + 1)]

    def sources(self, labels, sizes, min_area_km2, progress, matrix=None, distance=None):
        """The list: patches above the area, and the first of them by dPC where only so many stay."""
        chosen, top = self.larger(sizes, min_area_km2), self.settings.top
        if top and chosen.size > top:
            if chosen.size > _MOST:
                raise InputError(f"{chosen.size} patches are larger than {min_area_km2:g} km2, too many to rank by dPC "
                                 f"(at most {_MOST}): raise the area threshold (MIN_AREA), or leave the number of "
                                 f"sources that are kept (TOP) empty.")
            if matrix is None:
                matrix = edge_distances(self.polygons(labels, chosen, progress.part(0, 0.4)), progress.part(0.4, 0.6))
            dpc = self.dpc(sizes[chosen - 1] * self.cell_km2, matrix, distance, progress.part(0.6, 1))
            chosen = chosen[_by_dpc(dpc)[:top]]
        keep = np.zeros(sizes.size + 1, dtype=bool)
        keep[chosen] = True
        return _List(labels, sizes, keep)

    def dpc(self, areas, matrix, distance, progress):
        s = self.settings
        return connectivity(areas, matrix, distance or s.dispersal_distance, s.dispersal_probability,
                            progress=progress.quiet()).dpc


def _by_dpc(dpc):
    """Order by dPC, highest first; equal ones by their place, which is by area."""
    return np.argsort(-dpc, kind="stable")


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


def _compare(kind, label, words, made, scored, cell_km2, weights, kmo, names):
    """A Variant and the mask of its sources."""
    mask = made.keep[made.labels]
    share = scored.share(mask)
    both = int(np.count_nonzero(mask & scored.ground))
    here, there = int(np.count_nonzero(mask)), int(np.count_nonzero(scored.ground))
    met = np.zeros(made.keep.size, dtype=bool)
    met[made.labels.reshape(-1)[scored.index]] = True
    known = share[~np.isnan(share)]
    kept = int(np.count_nonzero(known >= LOST_BELOW - _ROUNDING))
    either = here + there - both
    return Variant(kind, label, words, share, int(made.keep.sum()), here * cell_km2, both / either if either else 1.0, kept,
                   known.size - kept, int((made.keep & ~met).sum()), (there - both) * cell_km2,
                   (here - both) * cell_km2, kmo, weights,
                   ", ".join(f"{n}={w:.4g}" for n, w in zip(names, weights.tolist()))), mask


# the whole ----------------------------------------------------------------------------------------------

def source_firmness(services, names, settings=Settings(), alternatives=Alternatives(), sources=None, id_field="",
                    progress=SILENT):
    """How a list of sources changes when grid size, classes, area threshold, weights or dispersal do.

    Parameters
    ----------
    services : iterable of raster.Grid
        On the same cells.
    names : list of str
        One per service, two or more.
    settings : Settings
        The base.
    alternatives : Alternatives
        Each changes one setting of the base. Weights: each service up and down by each change, all
        scaled to add to 1 again; and the weightings by components, communalities, entropy and equal
        weights that the base is not.
    sources : vector.Features, optional
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
    maker = _Maker(services, names, settings, progress.part(0, 0.06))
    quiet = progress.quiet()
    warnings, skipped = [], []
    cells = maker.grid(settings.grid_size_m, quiet.part(0.06, 0.08))
    weights, components, notes, used = maker.weigh(cells)
    kmo = _kmo(components)
    warnings += notes
    left_out = _cannot_change(settings, alternatives, used)
    schemes = {rule: found for rule, found in weights_by_rule(cells.means[cells.used], components).items() if rule != used}
    importance = maker.importance(cells, weights, quiet.part(0.08, 0.1))
    labels, sizes = maker.patches(importance, cells, settings.class_count, quiet.part(0.1, 0.14))
    chosen = maker.larger(sizes, settings.min_area_km2)
    if sources is None and not chosen.size:
        largest = float(sizes.max() * maker.cell_km2) if sizes.size else 0.0
        raise InputError(f"The base settings make no source: the largest patch has {largest:.4g} km2, and sources are "
                         f"larger than {settings.min_area_km2:g} km2 (MIN_AREA); lower it.")
    shapes = (maker.polygons(labels, chosen, quiet.part(0.14, 0.18))
              if sources is None or 0 < settings.top < chosen.size else [])
    by_dpc = 0 < settings.top < chosen.size
    matrix = None
    if shapes and len(shapes) <= (_MOST if by_dpc else _RANKED):
        matrix = edge_distances(shapes, quiet.part(0.18, 0.2))
    base = maker.sources(labels, sizes, settings.min_area_km2, quiet.part(0.2, 0.22), matrix)

    if sources is None:
        rows, scored, warned = _own_sources(base, chosen, shapes, maker)
    else:
        rows, scored, warned = _given_sources(sources, id_field, maker, progress)
    warnings += warned
    variant, mask = _compare("base", "base", ("", "base", ""), base, scored, maker.cell_km2, weights, kmo, names)
    variants = [variant]
    for row, share in zip(rows, variant.share):
        row.base_share = float(share)
    if sources is not None:
        warnings += _base_differs(rows, base)

    frequency, counts = np.zeros(maker.template.shape, dtype=np.float32), np.zeros(maker.template.shape, np.uint16)
    planned = _plan(settings, alternatives, left_out, names, weights, schemes)
    total, done = max(1, sum(map(len, planned.values()))), 0
    for kind in (AREA, DISPERSAL, CLASSES, GRID, WEIGHTS):  # the base's labels serve the first two
        counted = 0
        for label, words, change in planned.get(kind, ()):
            part = quiet.part(0.22 + 0.68 * done / total, 0.22 + 0.68 * (done + 1) / total)
            done += 1
            try:
                new_weights, new_kmo = weights, kmo
                if kind == AREA:
                    made = maker.sources(labels, sizes, change, part)
                elif kind == DISPERSAL:
                    made = maker.sources(labels, sizes, settings.min_area_km2, part, matrix, change)
                else:
                    surface, grid, count = importance, cells, settings.class_count
                    if kind == CLASSES:
                        count = change
                    elif kind == GRID:
                        grid = maker.grid(change, part.part(0, 0.1))
                        new_weights, new_components = maker.weigh(grid)[:2]
                        new_kmo = _kmo(new_components)
                    else:
                        new_weights = change
                    if kind != CLASSES:
                        importance = surface = maker.importance(grid, new_weights, part.part(0.1, 0.2))
                    made = maker.sources(*maker.patches(surface, grid, count, part.part(0.2, 0.9)),
                                         settings.min_area_km2, part.part(0.9, 1))
            except InputError as error:
                skipped.append(f"{kind.capitalize()}, {label}: left out. {error}")
                continue
            variant, mask = _compare(kind, label, words, made, scored, maker.cell_km2, new_weights, new_kmo, names)
            variants.append(variant)
            counts += mask
            counted += 1
            part(1)
        if counted:
            frequency += counts / np.float32(counted)
            counts[:] = 0
        elif kind not in left_out:
            left_out[kind] = ("no alternative differs from the base" if not planned.get(kind)
                              else "none of its alternatives could be computed")
    used_kinds = [kind for kind in KINDS if kind not in left_out]
    if not used_kinds:
        raise InputError("Nothing is left that could change the list ("
                         + "; ".join(f"{kind}: {why}" for kind, why in left_out.items())
                         + "): give alternatives that differ from the base settings.")
    frequency /= len(used_kinds)
    variants[1:] = sorted(variants[1:], key=lambda v: KINDS.index(v.kind))

    _score(rows, variants[1:], used_kinds, quiet)
    distances = sorted({settings.dispersal_distance, *alternatives.dispersal_distances})
    if sources is None:
        ranked, areas, place = chosen.size, sizes[chosen - 1] * maker.cell_km2, np.flatnonzero(base.keep[chosen])
    else:
        on_map = [row for row in rows if row.verdict != OUTSIDE]
        ranked, areas, place = len(on_map), np.array([row.area_km2 for row in on_map]), np.arange(len(on_map))
        matrix = None
        if ranked <= _RANKED:
            matrix = edge_distances([row.geometry for row in on_map], quiet.part(0.9, 0.93))
    ranks, spearman = None, []
    if matrix is None:
        warnings.append(f"{ranked} patches are too many to rank by dPC at each dispersal distance (at most {_RANKED}): "
                        f"the ranks are left empty.")
    else:
        ranks, spearman = _ranks(areas, matrix, distances, maker, quiet.part(0.93, 0.98))
        ranks = ranks[place]
        for row, own in zip([row for row in rows if row.verdict != OUTSIDE], ranks):
            row.rank_min, row.rank_max = int(own.min()), int(own.max())
    outside, outside_km2 = _outside(frequency, scored.ground, maker)
    frequency[~maker.valid] = np.nan
    known = [row for row in rows if not math.isnan(row.stability)]
    stability = sum(r.stability * r.area_km2 for r in known) / sum(r.area_km2 for r in known)
    empty = [f"{v.kind} {v.variant}" for v in variants[1:] if not v.n_sources]
    if empty:
        warnings.append(f"No source at all is left with: {'; '.join(empty)}. There every source counts 0.")
    for text in [*warnings, *skipped]:
        progress.warn(text)
    for kind, why in left_out.items():
        progress.log(f"The {kind} does not count to the stability: {why}.")
    result = Firmness(names, rows, variants, float_grid(frequency, maker.template, "frequency"), float(stability), settings,
                      left_out, skipped, distances, ranks, spearman, ranked, outside, outside_km2, sources is None,
                      warnings)
    for text in conclusions(result):
        progress.log(text)
    progress(1.0)
    return result


def _kmo(components):
    return math.nan if components is None else components.kmo


def _cannot_change(settings, alternatives, used):
    """Kinds of choice that cannot change the list, and why."""
    left_out = {}
    fixed = used in (EQUAL, MANUAL)
    if fixed and settings.classify_on != GRID_CELLS:
        left_out[GRID] = (f"with {used} weights and classes from the cells of the raster the grid has no say in the "
                          f"list")
    if not settings.top:
        left_out[DISPERSAL] = ("all patches above the area threshold are sources, however animals move; see the ranks "
                               "by dPC instead, or say how many sources are kept by dPC (TOP)")
    for kind, given in zip(KINDS, (alternatives.grid_sizes_m, alternatives.class_counts, alternatives.min_areas_km2,
                                   alternatives.weight_changes, alternatives.dispersal_distances)):
        if not given:
            left_out[kind] = "no alternative is given"
    return left_out


def _plan(settings, alternatives, left_out, names, weights, schemes):
    """(label, words, changed setting) of each alternative, by kind."""
    def of(options, base, before, after):
        return [(f"{before}{value:g}{after}", (before, f"{value:g}", after), value) for value in options if value != base]

    changes = [*(-c for c in reversed(alternatives.weight_changes)), *alternatives.weight_changes]
    options = [(f"{name} {percent:+g} %", (f"{name} ", f"{percent:+g}", " %"), changed_weights(weights, index, percent))
               for index, name in enumerate(names) for percent in changes if weights[index] * percent > -100]
    for rule, found in schemes.items():
        label = rule if rule == EQUAL else f"by {rule}"
        options.append((label, ("", label, ""), found))
    planned = {
        GRID: of(alternatives.grid_sizes_m, settings.grid_size_m, "", " m"),
        CLASSES: [(_class_label(count, settings), ("", str(count), ""), count) for count in alternatives.class_counts
                  if count != settings.class_count],
        AREA: of(alternatives.min_areas_km2, settings.min_area_km2, "above ", " km2"),
        WEIGHTS: [option for option in options if not np.allclose(option[2], weights, rtol=0, atol=1e-12)],
        DISPERSAL: of(alternatives.dispersal_distances, settings.dispersal_distance, "", " m")}
    return {kind: options for kind, options in planned.items() if kind not in left_out}


def _class_label(count, settings):
    chosen = patch_classes_of(count, settings.class_count, settings.patch_classes)
    return f"{count} (patches from {', '.join(map(str, chosen))})"


# the sources that are scored ----------------------------------------------------------------------------

def _own_sources(base, chosen, shapes, maker):
    """FirmSources of the base's list, the _Scored of their cells, and no warning."""
    kept = np.flatnonzero(base.keep[chosen])
    place = np.zeros(base.keep.size, dtype=np.int64)
    place[chosen[kept]] = np.arange(1, kept.size + 1)
    index = np.flatnonzero(base.keep[base.labels])
    owner = place[base.labels.reshape(-1)[index]]
    order = np.argsort(owner, kind="stable")
    places = np.split(index[order], np.cumsum(np.bincount(owner, minlength=kept.size + 1)[1:])[:-1])
    rows = [FirmSource(i + 1, float(places[i].size * maker.cell_km2), ogr.ForceToMultiPolygon(shapes[k].Clone()), 1.0,
                       verdict="") for i, k in enumerate(kept)]
    return rows, _Scored(places, [p.size for p in places], maker.template), []


def _given_sources(sources, id_field, maker, progress):
    """FirmSources of a planner's polygons, the _Scored of their cells, and warnings."""
    ids = source_ids(sources, id_field, progress)
    moved = check_given(sources, maker.template, progress).valid_polygons(progress)
    rows, places, cells, warnings, outside, partly = [], [], [], [], [], []
    valid = maker.valid.reshape(-1)
    for identifier, geometry, attributes in zip(ids, moved.geometries, moved.attributes):
        progress.check()
        found = cells_of(geometry, maker.template)
        if not found[0].size:  # thinner than a cell: what it touches
            found = cells_of(geometry, maker.template, all_touched=True)
        index = np.ravel_multi_index(found, maker.template.shape)
        whole = max(index.size, int(round(geometry.GetArea() / maker.template.cell_area_m2)) if _reaches_out(
            geometry, maker.template) else 0)
        known = np.count_nonzero(valid[index])
        if not geometry.GetArea() > 0 or not known:
            outside.append(str(identifier))
            index, whole = index[:0], math.nan
        elif known < 0.99 * whole:
            partly.append(f"{identifier} ({100 * (1 - known / whole):.0f} %)")
        rows.append(FirmSource(identifier, geometry.GetArea() / 1e6, ogr.ForceToMultiPolygon(geometry), math.nan,
                               verdict=OUTSIDE if math.isnan(whole) else "", attributes=attributes))
        places.append(index)
        cells.append(whole)
    if len(outside) == len(rows):
        raise InputError(f"No source of layer '{sources.name}' lies where all services have a value: choose the "
                         f"sources of this area, or correct the layer's CRS.")
    if outside:
        warnings.append(f"Sources {', '.join(outside)} of '{sources.name}' lie where no cell has a value of all "
                        f"services: they have no stability and count for nothing.")
    if partly:
        warnings.append(f"Part of the ground of sources {', '.join(partly)} of '{sources.name}' has no value of all "
                        f"services; it counts as ground that is never source.")
    scored = _Scored(places, cells, maker.template)
    twice = scored.index.size - int(np.count_nonzero(scored.ground))
    if twice:
        warnings.append(f"Sources of '{sources.name}' overlap on {twice * maker.cell_km2:.4g} km2: that ground counts "
                        f"to each of them.")
    return rows, scored, warnings


def check_given(sources, template, progress=SILENT):
    """A planner's sources in the template's CRS; refused where none lies on the map."""
    sources.require_some("source polygon")
    return sources.to_crs_near(template.crs, template.bounds, 0.0, template.name, progress)


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
        return ["The base settings make no source at all: the list that is scored was made in another way, and "
                "stability says only how often other choices would make its ground source."]
    return [f"The base settings do not make {len(missing)} of the {len(known)} sources that are scored "
            f"({_some(missing)}): less than half of their ground is source there. They were chosen in another way, "
            f"or by other settings than those given here."]


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
            parts.append(f"{kind} " + ", ".join(f"{before}{', '.join(values)}{after}"
                                                for (before, after), values in groups.items()))
    return "every alternative" if whole == len(used_kinds) else "; ".join(parts)


def _ranks(areas, matrix, distances, maker, progress):
    """Ranks by dPC, shape (patches, distances), and Spearman's correlation of dPC with that at the base distance."""
    columns = []
    for k, distance in enumerate(distances):
        dpc = maker.dpc(areas, matrix, distance, progress.part(k / len(distances), (k + 1) / len(distances)))
        order = _by_dpc(dpc)
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


# report -------------------------------------------------------------------------------------------------

def conclusions(result):
    """Plain sentences on what was found."""
    known = [row for row in result.sources if not math.isnan(row.stability)]
    total = sum(row.area_km2 for row in known)
    used = [kind for kind in KINDS if kind not in result.left_out]
    texts = [f"When one choice at a time is made otherwise, {100 * result.stability:.0f} % of the ground of the "
             f"{len(known)} sources stays source on average (stability {result.stability:.2f}, over "
             f"{len(result.alternatives)} alternatives of {_and(used)})."]
    counts = []
    for _, word in VERDICTS:
        rows = [row for row in known if row.verdict == word]
        if rows:
            area = sum(row.area_km2 for row in rows)
            counts.append(f"{len(rows)} {'' if counts else 'is ' if len(rows) == 1 else 'are '}{word} ({100 * area / total:.0f} % of their area)")
    texts.append(f"Of the {len(known)} sources {_and(counts)}.")
    weak = sorted((row for row in known if row.stability < VERDICTS[0][0] - _ROUNDING), key=lambda row: row.stability)
    if weak:
        first = weak[0]
        why = f"it is lost with {first.lost_with}" if first.lost_with else "no single alternative takes half of its ground"
        texts.append(f"The least firm is source {first.source_id} ({number(first.area_km2)} km2, stability "
                     f"{first.stability:.2f}): {why}.")
    else:
        texts.append("None of them hangs on a single choice: the list can be defended as it stands.")
    overlap = {kind: float(np.mean([v.jaccard for v in result.of_kind(kind)])) for kind in used}
    most = min(overlap, key=overlap.get)
    if overlap[most] > 1 - 1e-9:
        texts.append("No alternative changes the list at all.")
    else:
        worst = min(result.of_kind(most), key=lambda v: v.jaccard)
        texts.append(f"The list depends most on the {most}: the lists that it gives share {100 * overlap[most]:.0f} % of "
                     f"their ground with this one on average, and {100 * worst.jaccard:.0f} % with "
                     f"{most} {worst.variant}.")
        least = max(overlap, key=overlap.get)
        if least != most:
            texts.append(f"It depends least on the {least} ({100 * overlap[least]:.0f} %).")
    if result.outside:
        texts.append(f"{number(result.outside_km2)} km2 outside the list are source under at least half of the choices "
                     f"and deserve a second look.")
    return texts


def _and(words):
    words = list(words)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _some(ids, most=12):
    return ", ".join(ids[:most]) + (f" and {len(ids) - most} more" if len(ids) > most else "")


def firmness_report(result, parameters=()):
    """The report of :func:`source_firmness`."""
    report = Report("Firmness of the sources")
    for text in [*result.warnings, *result.skipped]:
        report.warning(text)
    report.heading("What came out")
    for text in conclusions(result):
        report.text(text)
    _report_sources(report, result)
    _report_heat_map(report, result)
    _report_kinds(report, result)
    _report_ranks(report, result)
    _report_outside(report, result)
    _report_variants(report, result)
    report.heading("How the stability is made")
    report.text("The base settings are changed in one thing at a time and the list of sources is made anew. For each "
                "alternative the share of a source's ground that is still source is taken (0: gone, 1: whole). These "
                "shares are averaged within each kind of choice, and the stability of a source is the mean over the "
                "kinds, so that the many alternatives of the weights count no more than the few of the area threshold. "
                "The base itself does not count.")
    report.text("Firm: at least 0.9, the source hardly depends on the choices. Fairly firm: at least 0.7. Shaky: at least "
                "0.5, its ground is source under more than half of the choices. Weak: below 0.5. The bounds are ours, "
                "not the paper's. A low stability does not say that the ground is poor, only that its place in the "
                "list rests on the choices made.")
    report.text("Weights change by raising or lowering one service against the others, after which all are scaled to "
                "add to 1. With another number of classes, patches are made from the classes that stand for the same "
                "ranks: the two highest of five are the two highest of four and six and the three highest of seven. "
                "Choices are not changed together, so what two of them do at once is not seen.")
    report.parameters(parameters)
    return report


def _score_cell(value):
    return "" if math.isnan(value) else float(value)


def _rank_text(row):
    if row.rank_min is None:
        return ""
    return _range(row.rank_min, row.rank_max)


def _range(low, high):
    return f"{low}" if low == high else f"{low}\u00a0to\u00a0{high}"


def _report_sources(report, result):
    weakest = sorted((row for row in result.sources if row.stability < VERDICTS[0][0] - _ROUNDING),
                     key=lambda row: row.stability)[:_LISTED]
    if weakest:
        report.heading("The weakest sources, and what loses them")
        report.text("An alternative loses a source when less than half of its ground is still source.")
        rows = []
        for row in weakest:
            scores = {kind: getattr(row, KIND_FIELDS[kind]) for kind in KINDS if kind not in result.left_out}
            low = [kind for kind, score in scores.items() if score <= min(scores.values()) + _ROUNDING]
            rows.append((row.source_id, row.area_km2, row.stability, row.verdict,
                         "all choices alike" if len(low) == len(scores) > 1 else _and(low),
                         row.lost_with or "none loses it; several take a part"))
        report.table(("source", "area (km2)", "stability (0 to 1)", "verdict", "hangs most on", "lost with"), rows)
    report.heading("Stability of each source")
    shown = result.sources[:_TOLD]
    if len(shown) < len(result.sources):
        report.text(f"The first {len(shown)} of {len(result.sources)}; the layer holds all.")
    own = () if result.own_list else ("source in the base (share of its ground)",)
    report.table(("source", "area (km2)", "verdict", "stability (0 to 1)", *KINDS, "rank by dPC", *own),
                 [(row.source_id, row.area_km2, row.verdict, _score_cell(row.stability),
                   *(_score_cell(getattr(row, KIND_FIELDS[kind])) for kind in KINDS), _rank_text(row),
                   *(() if result.own_list else (_score_cell(row.base_share),))) for row in shown])
    for kind, why in result.left_out.items():
        report.text(f"The {kind} does not count: {why}.")


def _report_heat_map(report, result):
    known = [index for index, row in enumerate(result.sources) if not math.isnan(row.stability)]
    if len(known) > _SHOWN:
        known = sorted(sorted(known, key=lambda i: result.sources[i].stability)[:_SHOWN])
    variants = result.alternatives
    table = np.array([[v.share[index] for v in variants] for index in known])
    starts = [k for k in range(1, len(variants)) if variants[k].kind != variants[k - 1].kind]

    def draw(axes):
        from matplotlib.colors import LinearSegmentedColormap
        ramp = LinearSegmentedColormap.from_list("share", ["#c4322b", "#ee9a4d", "#fbeea4", "#a8cf78", "#0b6e3b"])
        image = axes.imshow(table, cmap=ramp, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set_yticks(range(len(known)))
        axes.set_yticklabels([str(result.sources[i].source_id) for i in known], fontsize=7)
        axes.set_xticks(range(len(variants)))
        axes.set_xticklabels([v.variant for v in variants], rotation=90, fontsize=6)
        for start in starts:
            axes.axvline(start - 0.5, color="white", linewidth=3)
        for first, last in zip([0, *starts], [*starts, len(variants)]):
            axes.text((first + last - 1) / 2, -0.8, _wrapped(variants[first].kind, last - first), ha="center",
                      va="bottom", fontsize=7)
        axes.set_ylabel("source")
        axes.figure.colorbar(image, ax=axes, label="share of the source's ground that stays source", fraction=0.03)

    report.heading("Sources and alternatives")
    report.text("Each column is a list of sources made with one choice changed; green is ground that stays source, red "
                "is ground that is lost." + (f" The {_SHOWN} least firm sources are shown."
                                             if len(known) == _SHOWN < len(result.sources) else ""))
    report.figure(draw, "Heat map: share of each source's ground that stays source under each alternative",
                  width=max(7.0, min(14.0, 2.5 + 0.17 * len(variants))), height=max(3.2, 1.8 + 0.17 * len(known)))


def _wrapped(kind, columns):
    return kind.replace(" ", "\n") if columns < 8 else kind


def _report_kinds(report, result):
    used = [kind for kind in KINDS if kind not in result.left_out]
    report.heading("Which choice matters most")
    report.text("Shared ground: ground in both lists as a share of the ground in either (Jaccard). A choice with a low "
                "value decides the list; justify it first.")
    rows = []
    for kind in used:
        variants = result.of_kind(kind)
        worst = min(variants, key=lambda v: v.jaccard)
        rows.append((kind, len(variants), float(np.mean([v.jaccard for v in variants])), worst.jaccard, worst.variant,
                     _range(min(v.n_sources for v in variants), max(v.n_sources for v in variants)),
                     _range(number(min(v.area_km2 for v in variants)), number(max(v.area_km2 for v in variants)))))
    report.table(("choice", "alternatives", "shared ground, mean (0 to 1)", "lowest", "with", "sources", "area (km2)"),
                 rows)


def _report_ranks(report, result):
    if result.ranks is None:
        return
    report.heading("Rank by connectivity at each dispersal distance")
    base = result.rank_distances.index(result.settings.dispersal_distance)
    report.text(f"Rank 1 has the highest dPC of the {result.ranked} patches that were ranked. Spearman's rank "
                f"correlation compares the order at each distance with that at "
                f"{result.settings.dispersal_distance:g} m: 1 is the same order, 0 none in common. Where ranks move far, "
                f"say for which species the network is meant.")
    report.table(("dispersal distance (m)", "Spearman's rank correlation (-1 to 1)"), [
        (f"{d:g}" + (" (base)" if k == base else ""), "not defined" if math.isnan(r) else float(r))
        for k, (d, r) in enumerate(zip(result.rank_distances, result.spearman))])
    rows = [row for row in result.sources if row.rank_min is not None]
    shown = sorted(range(len(rows)), key=lambda i: int(result.ranks[i, base]))[:_TOLD]
    report.table(("source", *(f"{d:g} m" for d in result.rank_distances)),
                 [(rows[i].source_id, *map(int, result.ranks[i])) for i in shown])


def _report_outside(report, result):
    report.heading("Ground that is not in the list")
    if not result.outside:
        report.text("No larger piece of ground outside the list is source under half of the choices or more.")
        return
    report.text(f"{number(result.outside_km2)} km2 outside the list are source under at least half of the choices. The "
                f"largest pieces; the frequency map shows all:")
    report.table(("x (m)", "y (m)", "area (km2)", "share of choices (0 to 1)"),
                 [(f"{x:.0f}", f"{y:.0f}", area, mean) for x, y, area, mean in result.outside])


def _report_variants(report, result):
    report.heading("Each alternative")
    report.text("Kept and lost: scored sources that keep at least half of their ground, and that do not. New: sources "
                "that share no ground with any scored one.")
    report.table(("choice", "alternative", "sources", "area (km2)", "shared ground (0 to 1)", "kept", "lost", "new",
                  "lost ground (km2)", "new ground (km2)"),
                 [(v.kind, v.variant, v.n_sources, v.area_km2, v.jaccard, v.kept, v.lost, v.new, v.lost_km2, v.new_km2)
                  for v in result.variants])
    report.heading("Weights of the services")
    report.text("By the base, by other grid sizes and by other ways of weighting; changes of one service by some per "
                "cent are taken from the base. KMO below 0.5: the services share too little to be weighed by components.")
    report.table(("choice", "alternative", *result.names, "KMO"),
                 [(v.kind, v.variant, *map(float, v.weight), _score_cell(v.kmo)) for v in result.variants
                  if v.kind in ("base", GRID) or (v.kind == WEIGHTS and not v.variant.endswith("%"))])
