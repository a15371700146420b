"""Which patches become ecological sources.

Section 2.4 of Feng, Bai & Wang (2024): by size and by importance for connectivity; polygons that must
be sources (reserves) or must not be are the planner's. Merging patches that lie close follows the
paper's optimisation: small patches in the broken land near its site 21, integrated, make a new source.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Callable

from osgeo import ogr

from ..connectivity.graph import Links
from ..errors import InputError
from ..geometry.layers import Layer
from ..geometry.polygons import multipolygon_of
from ..ids import as_id
from ..patch_sizes import of_size, size_words
from ..progress import SILENT, Progress
from ..report import number
from ..tables import number_of
from .merging import merge_close_patches
from .overlays import (
    cut_out,
    join_included,
    warn_of_barred_polygons,
    warn_of_far_polygons,
    warn_of_overlapping_patches,
)
from .ranking import all_have_dpc, compute_dpc, count_without_dpc, keep_share, keep_top, links_between, measured_text
from .selection_choices import SelectionChoices, check_patches
from .source import DPC_FIELDS, ROUNDING, Selection, Source

_NAMED = 20  # patches that a message names


def choose_sources(
    patches: Layer,
    choices: SelectionChoices,
    *,
    include: Layer | None = None,
    exclude: Layer | None = None,
    progress: Progress = SILENT,
) -> Selection:
    """Sources out of patches.

    In this order: ground under ``exclude`` is cut out of the patches; patches close to each other are
    merged; what is left must meet the size class, least area and least dPC; of these the first by
    dPC stay that keep the share of EC; of these the ``top`` ones by dPC (by area where dPC is not known).
    Each polygon of ``include`` is a source whatever its size; one that overlaps a chosen patch joins it.

    Parameters
    ----------
    patches : layers.Layer
        Polygons in a projected CRS in metres; ``patch_id``, ``size_class``, ``importance_mean``, ``dpc``
        and its parts are used where they exist.
    choices : SelectionChoices
    include, exclude : layers.Layer, optional
        Polygons in any known CRS.
    progress : Progress

    Returns
    -------
    Selection
        Sources largest first, ``source_id`` from 1 in that order. A merged one has the ``patch_id`` of its
        largest patch, the area of the union, the mean importance weighted by area, and no dPC unless it
        was computed.

    Raises
    ------
    InputError
        An empty layer, a missing field, or no patch that meets the conditions.
    """
    check_patches(patches, choices)
    include = include if include is None or len(include) else None
    exclude = exclude if exclude is None or len(exclude) else None
    steps = _Steps(patches.with_fields("patch_id", "size_class", "importance_mean", *DPC_FIELDS), choices, progress)
    steps.take_patches_in_question(may_be_none=include is not None)
    barred = None if exclude is None else steps.cut_out(exclude, may_take_all=include is not None)
    steps.merge()
    steps.require_area()
    steps.compute_dpc_where_needed()
    steps.require_dpc()
    steps.keep_share()
    steps.keep_top()
    steps.warn_of_overlaps()
    if include is not None:
        steps.join(include, barred)
    return steps.numbered()


class _Steps:
    """The steps of a selection, in order; each leaves its candidates to the next and explains what fell out."""

    def __init__(self, patches: Layer, choices: SelectionChoices, progress: Progress) -> None:
        self._patches, self._choices = patches, choices
        self._result = Selection.of(patches)
        self._progress = progress.recording(self._result.warnings)
        self._is_sized = "size_class" in patches.field_names
        self._has_dpc = "dpc" in patches.field_names
        self._candidates: list[Source] = []
        self._conditions: list[str] = []
        self._any_merged = False
        self._dpc_computed = False
        self._known_links: Links | None = None

    # candidates ------------------------------------------------------------------------------------

    def take_patches_in_question(self, *, may_be_none: bool) -> None:
        """The patches of the size classes; all where they are merged first."""
        patches, choices, progress = self._patches, self._choices, self._progress
        chosen = list(range(len(patches))) if choices.merges else of_size(patches, choices.size_classes, progress)
        words = [""] * len(patches)
        if self._is_sized:
            words = size_words(patches, progress if choices.merges else progress.quiet())
        for index in sorted(set(range(len(patches))) - set(chosen)):
            self._result.decisions[index].append(f"not a source: its size class is {words[index] or 'not known'}")
        self._candidates = _candidates(patches, chosen, words, self._result, progress)
        if not self._candidates and not may_be_none:
            raise InputError(
                f"No patch of '{patches.name}' in question encloses any area: correct the layer's polygons, or "
                f"choose another layer.",
                layer=patches.name,
            )
        self._conditions.append(f"size class {', '.join(choices.size_classes)}" if self._is_sized else "")

    def cut_out(self, exclude: Layer, *, may_take_all: bool) -> Layer:
        """Cut the ground out that may not be source; the polygons of it, in the patches' CRS."""
        barred = exclude.to_crs(self._patches.crs, self._progress).valid_polygons(self._progress)
        self._candidates = cut_out(self._candidates, barred, result=self._result, progress=self._progress.part(0, 0.2))
        if not self._candidates and not may_take_all:
            raise InputError(
                f"all patches in question of '{self._patches.name}' lie wholly inside the polygons of "
                f"'{exclude.name}'; check that layer, or choose more patches.",
                parameter="exclude",
                layer=exclude.name,
            )
        self._conditions.append("outside the polygons that may not be sources")
        return barred

    def merge(self) -> None:
        """Merge patches that lie close, and ask for the size class of what comes out."""
        if not self._choices.merges:
            return
        count, part = len(self._candidates), self._progress.part(0.2, 0.4)
        self._candidates = merge_close_patches(
            self._candidates, self._choices, sized=self._is_sized, result=self._result, progress=part
        )
        self._any_merged = len(self._candidates) < count
        if self._is_sized:
            self._keep(
                lambda s: s.size_class in self._choices.size_classes,
                lambda s: f"{_its(s)} size class is {s.size_class or 'not known'}",
            )

    # conditions ------------------------------------------------------------------------------------

    def require_area(self) -> None:
        """Keep those of the least area."""
        least = self._choices.min_area_km2
        if least:
            self._conditions.append(f"area of at least {least:g} km2")
            self._keep(
                lambda s: s.area_km2 >= least * (1 - ROUNDING),
                lambda s: f"{_its(s)} {number(s.area_km2)} km2 are less than {least:g} km2",
            )

    def compute_dpc_where_needed(self) -> None:
        """DPC is computed where it is needed and merging, or the layer, leaves it unknown."""
        choices, candidates = self._choices, self._candidates
        by_merging = self._any_merged and self._has_dpc
        by_share = bool(choices.min_ec_share) and not all_have_dpc(candidates)
        if not candidates or not choices.needs_dpc or not (by_merging or by_share):
            return
        links = self._links()
        compute_dpc(candidates, links, dispersal=choices.dispersal, progress=self._progress.part(0.5, 0.7))
        self._dpc_computed = True
        self._progress.log(
            f"dPC of the {len(candidates)} patch(es) in question was computed anew, of their areas and the "
            f"distances of their edges, with probability {choices.dispersal.probability:g} at "
            f"{choices.dispersal.distance:g} m"
            + (f": '{self._patches.name}' has none for merged ones." if self._any_merged else ".")
        )

    def require_dpc(self) -> None:
        """Keep those of the least dPC."""
        least = self._choices.min_dpc
        if least is None:
            return
        unknown = count_without_dpc(self._candidates)
        if unknown:
            raise InputError(
                f"Layer '{self._patches.name}', field 'dpc': {unknown} of the {len(self._candidates)} patches in "
                f"question have no value, and a least dPC needs it: run 'Landscape "
                f"connectivity' on them first, or leave the least dPC empty.",
                layer=self._patches.name,
            )
        self._conditions.append(f"dPC of at least {least:g}")
        self._keep(
            lambda s: s.dpc >= least,
            lambda s: f"{_its(s)} dPC of {number(s.dpc)} % is less than {least:g} %",
        )

    def keep_share(self) -> None:
        """Keep the first by dPC with the share of connectivity."""
        choices, share = self._choices, self._choices.min_ec_share
        if not share or not self._candidates:
            return
        self._result.measured = measured_text(choices.dispersal, "" if self._dpc_computed else self._patches.name)
        self._candidates = keep_share(
            self._candidates,
            self._links(),
            share=share,
            dispersal=choices.dispersal,
            result=self._result,
            progress=self._progress.part(0.7, 0.8),
        )

    def keep_top(self) -> None:
        """Keep the first so many, and say when the share of connectivity is missed by it."""
        result, share = self._result, self._choices.min_ec_share
        if not self._choices.top:
            return
        top = int(self._choices.top)
        self._candidates = keep_top(
            self._candidates, top, layer_has_dpc=self._has_dpc, result=result, progress=self._progress
        )
        kept = len(self._candidates)
        if share and result.curve is not None and kept and result.curve[kept - 1] < share / 100:
            result.ec_kept = float(result.curve[kept - 1])
            self._progress.warn(
                f"The first {top} patches keep {100 * result.ec_kept:.2f} % of the connectivity, less "
                f"than the {share:g} % asked for: raise the number of patches to keep, or leave it empty."
            )

    # the end ---------------------------------------------------------------------------------------

    def warn_of_overlaps(self) -> None:
        """Name chosen patches that overlap."""
        warn_of_overlapping_patches(self._candidates, self._patches.name, self._progress)

    def join(self, include: Layer, barred: Layer | None) -> None:
        """Add the polygons that must be sources."""
        progress = self._progress
        moved = include.to_crs(self._patches.crs, progress).valid_polygons(progress)
        warn_of_far_polygons(moved, include, self._patches, progress=progress)
        if barred is not None:
            warn_of_barred_polygons(moved, barred, progress)
        self._candidates = join_included(self._candidates, moved, result=self._result, progress=progress.part(0.8, 1))

    def numbered(self) -> Selection:
        """The selection, its sources numbered largest first."""
        sources, result, progress = self._candidates, self._result, self._progress
        if not sources:
            raise InputError(
                f"No patch of '{self._patches.name}' meets all conditions "
                f"({'; '.join(c for c in self._conditions if c)}): lower the least area or dPC, choose more size "
                f"classes, or give polygons that must be sources.",
                layer=self._patches.name,
            )
        sources.sort(key=_largest_first)
        for place, source in enumerate(sources, 1):
            source.source_id, source.geometry = place, ogr.ForceToMultiPolygon(source.geometry)
            result.explain(source, f"source {place}")
        texts = [str(s.patch_id) for s in sources if isinstance(as_id(s.patch_id), str)]
        if texts:
            progress.log(
                f"Layer '{self._patches.name}', field 'patch_id': {', '.join(texts[:_NAMED])} is no whole number, "
                f"which the field needs, and is left empty in the sources; the report tells it."
            )
        if any(s.merged and math.isnan(s.dpc) for s in sources):
            progress.log(
                "dPC of merged sources is not known and left empty: run 'Landscape connectivity' on the sources."
            )
        progress.log(f"{len(sources)} sources of {sum(s.area_km2 for s in sources):.3f} km2 in all.")
        result.sources = sources
        return result

    def _keep(self, fits: Callable[[Source], bool], reason: Callable[[Source], str]) -> None:
        """Keep the candidates that fit, and explain why others do not."""
        kept = [source for source in self._candidates if fits(source)]
        for source in self._candidates:
            if not fits(source):
                self._result.explain(source, f"not a source: {reason(source)}")
        if len(kept) < len(self._candidates):
            self._known_links = None
        self._candidates = kept

    def _links(self) -> Links:
        """Links between the candidates, measured once while they are the same."""
        if self._known_links is None:
            self._known_links = links_between(self._candidates, self._progress.part(0.4, 0.5))
        return self._known_links


def _its(source: Source) -> str:
    return "after merging its" if source.merged else "its"


def _largest_first(source: Source) -> tuple[Any, ...]:
    """What sources are sorted by: area, then whether they have an id, numbers before texts, then place."""
    own = as_id(source.patch_id)
    return -source.area_km2, source.patch_id is None, isinstance(own, str), own, source.geometry.GetEnvelope()


def _candidates(
    patches: Layer, chosen: list[int], size_classes: list[str], result: Selection, progress: Progress
) -> list[Source]:
    """The chosen features as sources, as far as they enclose an area."""
    patches = patches.valid_polygons(progress)
    result.areas_km2 = [geometry.GetArea() / 1e6 for geometry in patches.geometries]
    sources = []
    for index in chosen:
        attributes, geometry = patches.attributes[index], patches.geometries[index]
        if not geometry.GetArea() > 0:
            result.decisions[index].append("not a source: it encloses no area")
            continue
        patch_id = attributes.get("patch_id")
        sources.append(
            Source(
                0,
                index + 1 if patch_id is None else patch_id,
                geometry.GetArea() / 1e6,
                number_or_nan(attributes.get("importance_mean")),
                multipolygon_of(geometry),
                size_class=size_classes[index],
                members=[index],
                **{name: number_or_nan(attributes.get(name)) for name in DPC_FIELDS},  # type: ignore[arg-type]
            )
        )
    twice = [str(i) for i, count in Counter(as_id(s.patch_id) for s in sources).items() if count > 1]
    if twice:
        progress.warn(
            f"Layer '{patches.name}', field 'patch_id': {', '.join(twice[:_NAMED])} is used by more "
            f"than one patch, so that it does not tell which patch became a source: number the patches anew, "
            f"or go by the features' order in the report."
        )
    return sources


def number_or_nan(value: Any) -> float:
    """A field's value as a number, also where it is text such as ``5,5``; NaN where it is none."""
    found = value if isinstance(value, (int, float)) else number_of("" if value is None else value)
    return math.nan if found is None else float(found)
