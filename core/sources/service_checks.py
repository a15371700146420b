"""What in the services speaks against adding them: undeclared nodata values, a wrong sign."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..land_cover_products import LandCoverProduct, codes_of_class

if TYPE_CHECKING:
    from ..grid.grid import Grid
    from .normalisation import NormalisedServices, ValueRange

FOREST_CLASSES = (2,)

ARTIFICIAL_CLASSES = (8, 11, 12, 13, 14)

_USUAL_NODATA = {
    float(v)
    for v in (99, 127, 128, 255, 999, 9999, 99999, 999999, 32767, 32768, 65535, 2147483647, 2147483648, 4294967295)
}


@dataclass(frozen=True)
class GroundCodes:
    """Codes of land cover for the check of the services' signs: of forest, and of artificial and mined ground."""

    forest: Sequence[int] = FOREST_CLASSES
    artificial: Sequence[int] = ARTIFICIAL_CLASSES

    @classmethod
    def of_product(cls, product: LandCoverProduct) -> GroundCodes:
        """The codes of a land-cover product."""
        known = codes_of_class(product)
        forest, artificial = (
            tuple(code for of_class in classes for code, _ in known.get(of_class, ()))
            for classes in (FOREST_CLASSES, ARTIFICIAL_CLASSES)
        )
        return cls(forest, artificial)


def nodata_warnings(service: Grid, *, name: str, limits: ValueRange) -> Iterator[str]:
    """A warning where the smallest or largest value looks like a nodata value that was not declared."""
    for extreme, opposite in ((limits.minimum, limits.maximum), (limits.maximum, limits.minimum)):
        if not (abs(extreme) in _USUAL_NODATA or abs(extreme) > 1e30):
            continue
        others = service.valid & (service.values != extreme)
        count, rest = int(np.count_nonzero(service.valid & ~others)), service.values[others]
        nearest = float(rest.min() if extreme < opposite else rest.max()) if rest.size else extreme
        if count and abs(nearest - extreme) > 2 * abs(opposite - nearest):
            yield (
                f"Service '{name}' is {extreme:g} in {count} cell(s) and {min(nearest, opposite):g} to "
                f"{max(nearest, opposite):g} elsewhere: if this means no value, declare it as nodata ('Translate', or "
                f"Layer Properties > Transparency and export), since it squeezes all other values together."
            )


def sign_warnings(services: NormalisedServices, land_cover: Grid, codes: GroundCodes) -> Iterator[str]:
    """A warning for each service that is higher on artificial ground than in forest, or that none was checked."""
    known, values = land_cover.valid, land_cover.values
    forest = known & np.isin(values, list(codes.forest))
    artificial = known & np.isin(values, list(codes.artificial))
    if not forest.any() or not artificial.any():
        missing, absent = "forest", codes.forest
        if forest.any():
            missing, absent = "artificial or mined ground", codes.artificial
        yield (
            f"The services' signs were not checked: land cover '{land_cover.name}' has no cell of "
            f"{missing} (codes {', '.join(map(str, absent))}); choose its land-cover product, or give the codes."
        )
    for service, name in zip(services.values, services.names):
        on_forest, on_artificial = service[forest], service[artificial]
        on_forest = on_forest[~np.isnan(on_forest)]
        on_artificial = on_artificial[~np.isnan(on_artificial)]
        if on_forest.size and on_artificial.size:
            f, a = on_forest.mean(dtype=np.float64), on_artificial.mean(dtype=np.float64)
            if a > f:
                yield (
                    f"Service '{name}' is higher on artificial or mined ground (mean {a:.3f} of "
                    f"its range) than in forest ({f:.3f}): its weight would reward such ground; "
                    f"turn it round or choose another measure of the service."
                )
