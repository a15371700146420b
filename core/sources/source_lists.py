"""Lists of sources made from services by settings: the chain from services to sources, without layers.

The same functions as in the single steps: importance of services, natural breaks, patches, landscape
connectivity. Services are normalised once; each list is labels on cells, and polygons only where asked.
"""

from dataclasses import dataclass

import numpy as np

from ..connectivity.indices import check_dispersal, connectivity
from ..errors import InputError
from ..geometry.cells import polygonize
from ..geometry.polygon_distance import edge_distances
from ..natural_breaks.classes import check_class_count
from .components import COMPONENT_SCORES, CORRELATION, EIGENVALUE_RULE, MANUAL, weigh
from .grid_cells import check_grid_size, grid_means, normalise, weighted_sum
from .importance import RASTER_CELLS, importance_classes, parse_weights
from .patches import label_patches

MOST = 5000  # patches that are ranked by dPC to choose among them


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
            raise InputError(
                f"Classes that make patches (PATCH_CLASSES): {beyond[0]} is none of the classes 1 to "
                f"{self.class_count}; correct it, or the number of classes (CLASS_COUNT)."
            )
        if len(set(self.patch_classes)) == self.class_count:
            raise InputError(
                f"Classes that make patches (PATCH_CLASSES): all {self.class_count} classes make patches, "
                f"so that the whole map is one; leave the less important ones out."
            )
        if not self.grid_size_m > 0:
            raise InputError(f"The grid size (GRID_SIZE) is {self.grid_size_m:g}: give one above 0 m.")
        if not self.min_area_km2 >= 0:
            raise InputError(f"The area threshold (MIN_AREA) is {self.min_area_km2:g}: give one of at least 0 km2.")
        if not 0 < self.min_valid_share <= 1:
            raise InputError(f"The valid share of a grid cell is {self.min_valid_share:g}: give one above 0, up to 1.")


def patch_classes_of(count, base_count, base_classes):
    """The classes, of another number of them, that correspond to those that make patches in the base.

    Class j of k stands for the ranks ((j - 1) / k, j / k]; it makes patches where its middle lies in a
    class of the base that does. The two highest of five so become the two highest of four and of six
    and the three highest of seven. Where no middle does, the classes that hold the middles of the base's.
    """
    chosen = tuple(j for j in range(1, count + 1) if -(-(2 * j - 1) * base_count // (2 * count)) in base_classes)
    return chosen or tuple(sorted({-(-(2 * c - 1) * count // (2 * base_count)) for c in base_classes}))


@dataclass
class SourceList:
    """Sources on the cells: labels of all patches, and which of them are sources (by label)."""

    labels: np.ndarray
    cells: np.ndarray  # per label from 1
    keep: np.ndarray  # booleans per label from 0


class ListMaker:
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
            raise InputError(
                f"No cell of '{self.template.name}' has a value of all of {', '.join(names)}: choose "
                f"maps that cover one area."
            )
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

    def chooses_by_dpc(self, chosen):
        """Whether only some of these patches are sources."""
        return 0 < self.settings.top < chosen.size

    def importance(self, cells, weights, progress):
        cells.importance = cells.means @ weights
        return weighted_sum(self.normalised, weights, self.valid, progress)

    def patches(self, importance, cells, class_count, progress):
        """Labels and sizes of the patches; the labels hold until the next call."""
        s = self.settings
        classes, _ = importance_classes(
            importance, cells, self.valid, self.template, class_count, s.classify_on, progress=progress.part(0, 0.8)
        )
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
        chosen = self.larger(sizes, min_area_km2)
        if self.chooses_by_dpc(chosen):
            if chosen.size > MOST:
                raise InputError(
                    f"{chosen.size} patches are larger than {min_area_km2:g} km2, too many to rank by dPC "
                    f"(at most {MOST}): raise the area threshold (MIN_AREA), or leave the number of "
                    f"sources that are kept (TOP) empty."
                )
            if matrix is None:
                matrix = edge_distances(self.polygons(labels, chosen, progress.part(0, 0.4)), progress.part(0.4, 0.6))
            dpc = self.dpc(sizes[chosen - 1] * self.cell_km2, matrix, distance, progress.part(0.6, 1))
            chosen = chosen[by_dpc(dpc)[: self.settings.top]]
        keep = np.zeros(sizes.size + 1, dtype=bool)
        keep[chosen] = True
        return SourceList(labels, sizes, keep)

    def dpc(self, areas, matrix, distance, progress):
        s = self.settings
        return connectivity(
            areas, matrix, distance or s.dispersal_distance, s.dispersal_probability, progress=progress.quiet()
        ).dpc


def by_dpc(dpc):
    """Order by dPC, highest first; equal ones by their place, which is by area."""
    return np.argsort(-dpc, kind="stable")
