"""Lists of sources made from services by choices: the chain from services to sources, without layers.

The same functions as in the single steps: importance of services, natural breaks, patches, landscape
connectivity. Services are normalised once; each list is patch numbers on cells, and polygons only where asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from osgeo import ogr

from ..arrays import AnyArray, Bools, Float32s, Floats, Int32s, Ints
from ..connectivity.dispersal import Dispersal
from ..connectivity.indices import connectivity
from ..errors import InputError
from ..geometry.cells import polygonize
from ..geometry.polygon_distance import edge_distances
from ..progress import Progress
from .components import WeightsFound
from .grid_cells import GridCells, grid_means
from .importance import importance_classes, weigh_services
from .importance_choices import ImportanceChoices
from .normalisation import normalise_services
from .patches import number_patches

if TYPE_CHECKING:
    from ..grid.grid import Grid

MOST_RANKED = 5000
"""Patches that are ranked by dPC to choose among them, at most."""


@dataclass(frozen=True)
class SourceListChoices:
    """The choices behind a list of sources; meanings and ranges are those of the single steps.

    Parameters
    ----------
    importance : ImportanceChoices
        How services become importance classes, by natural breaks.
    patch_classes : tuple of int
        Classes, of ``importance.class_count``, that make patches.
    min_area_km2 : float
        Patches larger than this are sources (super-large: > 7).
    diagonals : bool
        Whether cells that meet at a corner are one patch.
    dispersal : Dispersal
        For dPC.
    top : int
        Of the patches above the area the first so many by dPC are sources; 0: all.

    Raises
    ------
    InputError
        A choice out of its range; names it.
    """

    importance: ImportanceChoices = field(default_factory=ImportanceChoices)
    patch_classes: tuple[int, ...] = (4, 5)
    min_area_km2: float = 7.0
    diagonals: bool = True
    dispersal: Dispersal = field(default_factory=lambda: Dispersal(2500.0, 0.5))
    top: int = 0

    def __post_init__(self) -> None:
        class_count = self.importance.class_count
        beyond = [c for c in self.patch_classes if not 1 <= c <= class_count]
        if beyond:
            raise InputError(
                f"{beyond[0]} is none of the classes 1 to {class_count}; correct it, or the number of classes.",
                parameter="patch_classes",
                value=self.patch_classes,
            )
        if len(set(self.patch_classes)) == class_count:
            raise InputError(
                f"all {class_count} classes make patches, so that the whole map is one; leave the less important "
                f"ones out.",
                parameter="patch_classes",
                value=self.patch_classes,
            )
        if not self.min_area_km2 >= 0:
            raise InputError(
                f"{self.min_area_km2:g} km2 is below 0; give 0 or more.",
                parameter="min_area_km2",
                value=self.min_area_km2,
            )
        if self.importance.breaks.strip():
            raise InputError(
                "lists of sources are made by natural breaks; leave the upper bounds by hand empty.",
                parameter="breaks",
                value=self.importance.breaks,
            )


def patch_classes_of(class_count: int, *, base_count: int, base_classes: Sequence[int]) -> tuple[int, ...]:
    """The classes, of another number of them, that correspond to those that make patches in the base.

    Class j of k stands for the ranks ((j - 1) / k, j / k]; it makes patches where its middle lies in a
    class of the base that does. The two highest of five so become the two highest of four and of six
    and the three highest of seven. Where no middle does, the classes that hold the middles of the base's.
    """
    chosen = tuple(
        j for j in range(1, class_count + 1) if -(-(2 * j - 1) * base_count // (2 * class_count)) in base_classes
    )
    return chosen or tuple(sorted({-(-(2 * c - 1) * class_count // (2 * base_count)) for c in base_classes}))


class NumberedPatches(NamedTuple):
    """Patches on the cells: their numbers, 0 elsewhere, and the number of cells of each from 1."""

    numbers: Int32s
    cells: Ints


@dataclass
class SourceList:
    """Sources on the cells: all patches, and by their numbers from 0 which of them are sources."""

    patches: NumberedPatches
    is_source: Bools

    def mask(self) -> Bools:
        """The cells of the sources."""
        return self.is_source[self.patches.numbers]


class SourceListMaker:
    """Makes lists of sources from services that were normalised once.

    Parameters
    ----------
    services : iterable of Grid
        On the same cells; taken one after the other.
    names : sequence of str
        One per service.
    choices : SourceListChoices
        What holds where a method is not told otherwise.
    """

    def __init__(
        self, services: Iterable[Grid], names: Sequence[str], *, choices: SourceListChoices, progress: Progress
    ) -> None:
        choices.importance.manual_weights(names)  # refuses what cannot be read before the work
        self.choices, self.names = choices, list(names)
        self.services = normalise_services(services, names, clip=choices.importance.clip, progress=progress)
        self.template, self.valid = self.services.template, self.services.valid
        self.cell_km2 = self.template.cell_area_m2 / 1e6
        self._numbers: Int32s | None = None

    def grid_cells(self, grid_size_m: float, progress: Progress) -> GridCells:
        """Means of the services over grid cells of a size."""
        share = self.choices.importance.min_valid_share
        return grid_means(self.services, grid_size_m=grid_size_m, min_valid_share=share, progress=progress)

    def weigh(self, cells: GridCells) -> WeightsFound:
        """Weights of the services by their means over grid cells."""
        return weigh_services(cells, self.names, self.choices.importance)

    def chooses_by_dpc(self, chosen: Ints) -> bool:
        """Whether only some of these patches are sources."""
        return 0 < self.choices.top < chosen.size

    def importance(self, cells: GridCells, weights: Floats, progress: Progress) -> Float32s:
        """The importance map; the grid cells get theirs in place."""
        cells.importance = cells.means @ weights
        return self.services.weighted_sum(weights, progress)

    def patches(
        self, importance: Float32s, cells: GridCells, *, class_count: int, progress: Progress
    ) -> NumberedPatches:
        """The patches of an importance map; they hold until the next call."""
        choices = self.choices
        classes, _ = importance_classes(
            importance,
            cells,
            self.services,
            choices=replace(choices.importance, class_count=class_count),
            progress=progress.part(0, 0.8),
        )
        chosen = np.zeros(classes.shape, dtype=bool)
        base_count = choices.importance.class_count
        for number in patch_classes_of(class_count, base_count=base_count, base_classes=choices.patch_classes):
            chosen |= classes == number
            progress.check()
        return self.number_patches(chosen, progress.part(0.8, 1))

    def number_patches(self, chosen: Bools, progress: Progress) -> NumberedPatches:
        """The patches of a mask, in the memory of those before, which hold no longer."""
        self._numbers, cells = number_patches(
            chosen, diagonals=self.choices.diagonals, out=self._numbers, progress=progress
        )
        return NumberedPatches(self._numbers, cells)

    def larger(self, patches: NumberedPatches, min_area_km2: float) -> Ints:
        """Numbers of the patches above an area, largest first, equal ones from the top left."""
        order = np.argsort(-patches.cells, kind="stable")
        larger: Ints = order[patches.cells[order] * self.cell_km2 > min_area_km2] + 1
        return larger

    def areas_km2(self, patches: NumberedPatches, chosen: Ints) -> Floats:
        """Areas of some patches by their numbers."""
        return np.asarray(patches.cells[chosen - 1] * self.cell_km2, dtype=np.float64)

    def polygons(self, patches: NumberedPatches, chosen: Ints, progress: Progress) -> list[ogr.Geometry]:
        """A polygon per chosen patch, in their order."""
        place = np.zeros(int(patches.numbers.max()) + 1, dtype=np.int32)
        place[chosen] = np.arange(1, chosen.size + 1)
        found = polygonize(place[patches.numbers], self.template, progress)
        return [found[i] for i in range(1, chosen.size + 1)]

    def sources(
        self,
        patches: NumberedPatches,
        *,
        min_area_km2: float,
        distances: Floats | None = None,
        dispersal: Dispersal | None = None,
        progress: Progress,
    ) -> SourceList:
        """The list: patches above an area, and the first of them by dPC where only so many stay.

        Parameters
        ----------
        patches : NumberedPatches
            All patches of a map.
        min_area_km2 : float
            Sources are larger.
        distances : ndarray, shape (larger patches, larger patches), optional
            Metres between the edges of the patches above the area, in the order of :meth:`larger`.
        dispersal : Dispersal, optional
            Instead of that of the choices.
        """
        chosen = self.larger(patches, min_area_km2)
        if self.chooses_by_dpc(chosen):
            if chosen.size > MOST_RANKED:
                raise InputError(
                    f"{chosen.size} patches are larger than {min_area_km2:g} km2, too many to rank by dPC "
                    f"(at most {MOST_RANKED}); raise the area threshold, or keep all patches above it as sources.",
                    parameter="min_area_km2",
                    value=min_area_km2,
                )
            if distances is None:
                polygons = self.polygons(patches, chosen, progress.part(0, 0.4))
                distances = edge_distances(polygons, progress.part(0.4, 0.6))
            areas = self.areas_km2(patches, chosen)
            dpc = self.dpc(areas, distances, dispersal=dispersal, progress=progress.part(0.6, 1))
            chosen = chosen[order_by_dpc(dpc)[: self.choices.top]]
        is_source = np.zeros(patches.cells.size + 1, dtype=bool)
        is_source[chosen] = True
        return SourceList(patches, is_source)

    def dpc(
        self, areas_km2: Floats, distances: AnyArray, *, dispersal: Dispersal | None = None, progress: Progress
    ) -> Floats:
        """DPC of patches by their areas and the distances between their edges."""
        dispersal = dispersal or self.choices.dispersal
        return connectivity(areas_km2, distances, dispersal, progress=progress.quiet()).dpc


def order_by_dpc(dpc: Floats) -> Ints:
    """Places of patches by dPC, highest first; equal ones by their place, which is by area."""
    return np.argsort(-dpc, kind="stable")
