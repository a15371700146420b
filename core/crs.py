"""Coordinate reference systems, compared by meaning, and the checks that refuse those without metres."""

from __future__ import annotations

import contextlib
import math
import re
import threading
from dataclasses import dataclass
from functools import lru_cache

from osgeo import osr

from .errors import InputError
from .gdal_session import gdal_exceptions

_KEPT = 256  # parsed CRS, and compared pairs, that are remembered


@dataclass(frozen=True)
class Crs:
    """A coordinate reference system; each text is parsed once.

    Parameters
    ----------
    wkt : str
        WKT, ``EPSG:n`` or PROJ text; empty where a layer has none.
    """

    wkt: str = ""

    @staticmethod
    def of(crs: Crs | str) -> Crs:
        """The CRS of a text; a Crs is returned unchanged."""
        return crs if isinstance(crs, Crs) else Crs(crs)

    def __bool__(self) -> bool:
        return bool(self.wkt)

    @property
    def reference(self) -> osr.SpatialReference:
        """The ``osr.SpatialReference`` with x before y; shared, not to be changed.

        Raises
        ------
        InputError
            The text is no CRS.
        """
        return _parsed(self.wkt)

    @property
    def is_known(self) -> bool:
        """Whether the CRS is given; a GeoPackage may declare its CRS as undefined."""
        return bool(self.wkt) and not re.match(r'\w+\["Undefined (geographic|Cartesian) SRS"', self.wkt)

    @property
    def is_metric(self) -> bool:
        """Whether it is projected, in metres."""
        return bool(self.reference.IsProjected() == 1 and abs(self.reference.GetLinearUnits() - 1.0) <= 1e-9)

    @property
    def name(self) -> str:
        """A short name for messages, such as ``WGS 84 / UTM zone 51N (EPSG:32651)``."""
        if not self.wkt:
            return "no CRS"
        reference = self.reference
        name = reference.GetName() or "an unnamed CRS"
        authority, code = reference.GetAuthorityName(None), reference.GetAuthorityCode(None)
        return f"{name} ({authority}:{code})" if authority and code else name

    def same_as(self, other: Crs | str) -> bool:
        """Whether both mean the same CRS, whatever their wording or axis order."""
        return _mean_the_same(self.wkt, Crs.of(other).wkt)

    def to(self, other: Crs | str, *, layer: str = "") -> osr.CoordinateTransformation:
        """The transformation to another CRS, with x before y on both sides.

        Raises
        ------
        InputError
            No transformation exists, for example from a local CRS; names ``layer``.
        """
        other = Crs.of(other)
        with gdal_exceptions():
            try:
                return osr.CoordinateTransformation(self.reference, other.reference)
            except RuntimeError:
                raise InputError(
                    f"Layer '{layer}' cannot be reprojected from its CRS, {self.name}, to {other.name}: "
                    f"assign the CRS that its coordinates are in, or georeference it.",
                    layer=layer,
                ) from None


class _Parsed(threading.local):
    """Parsed CRS by their text, separate for each thread, because a spatial reference belongs to one thread."""

    def __init__(self) -> None:
        self.references: dict[str, osr.SpatialReference] = {}


_PARSED = _Parsed()


def _parsed(text: str) -> osr.SpatialReference:
    known = _PARSED.references.get(text)
    if known is not None:
        return known
    with gdal_exceptions():
        reference = osr.SpatialReference()
        try:
            reference.SetFromUserInput(text)
        except RuntimeError:
            raise InputError(
                f"'{text[:80]}' is not a coordinate reference system: give its WKT, or a code such as EPSG:4549."
            ) from None
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    if len(_PARSED.references) >= _KEPT:
        _PARSED.references.clear()
    _PARSED.references[text] = reference
    return reference


@lru_cache(maxsize=_KEPT)
def _mean_the_same(text_a: str, text_b: str) -> bool:
    if text_a == text_b:
        return True
    if not text_a or not text_b:
        return False
    a, b = _parsed(text_a), _parsed(text_b)
    if a.IsSame(b, ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"]):
        return True
    codes = [(r.GetAuthorityName(None), r.GetAuthorityCode(None)) for r in (a, b)]
    if codes[0] == codes[1] and all(codes[0]):
        return True
    return _same_datum(a, b) and _same_coordinates(a, b)


def _same_datum(a: osr.SpatialReference, b: osr.SpatialReference) -> bool:
    """Whether datums have one name, or one has none, and both the same ellipsoid."""
    if not ((a.IsProjected() and b.IsProjected()) or (a.IsGeographic() and b.IsGeographic())):
        return False
    names = [re.sub(r"\W|_", "", r.GetAttrValue("DATUM") or "unknown").lower() for r in (a, b)]
    one = names[0] == names[1] or any(name.startswith(("unknown", "notspecified")) for name in names)
    return (
        one
        and abs(a.GetSemiMajor() - b.GetSemiMajor()) < 1e-3
        and abs(a.GetInvFlattening() - b.GetInvFlattening()) < 1e-6
    )


def _same_coordinates(a: osr.SpatialReference, b: osr.SpatialReference) -> bool:
    """Whether places have the same x and y, to a thousandth of a unit, in both."""
    if a.IsGeographic():
        points = [(x, y) for x in (-100.0, 10.0, 120.0) for y in (-30.0, 40.0)]
        tolerance = 1e-8
    else:
        east, north = (a.GetProjParm(name, 0.0) for name in ("false_easting", "false_northing"))
        points = [(east + x, north + y) for x in (-2e5, 1e5) for y in (1e5, 1e6, 4e6)]
        tolerance = 1e-3
    with contextlib.suppress(RuntimeError), gdal_exceptions():
        there = osr.CoordinateTransformation(a, b).TransformPoints(points)
        return all(
            abs(x - p) <= tolerance and abs(y - q) <= tolerance  # infinite ones are not
            for (x, y), (p, q, _) in zip(points, there)
        )
    return False


def fitting_crs(longitude: float, latitude: float) -> str:
    """The projected CRS to offer for a place: its name and code.

    For China the CGCS2000 3-degree Gauss-Krueger zone (EPSG:4534 to 4554, central meridians
    75 to 135 degrees E) where EPSG's area of use holds the place, elsewhere the UTM zone.
    """
    meridian = 3 * math.floor(longitude / 3 + 0.5)
    if 75 <= meridian <= 135:
        code = 4534 + (meridian - 75) // 3
        area = Crs(f"EPSG:{code}").reference.GetAreaOfUse()
        if area and area.south_lat_degree <= latitude <= area.north_lat_degree:
            return f"CGCS2000 / 3-degree Gauss-Kruger CM {meridian}E (EPSG:{code})"
    zone = math.floor((longitude + 180) / 6) % 60 + 1
    north = latitude >= 0
    return f"WGS 84 / UTM zone {zone}{'N' if north else 'S'} (EPSG:{(32600 if north else 32700) + zone})"


def require_known(crs: Crs | str, layer: str) -> None:
    """Refuse a layer without a CRS, and one whose GeoPackage says that it is undefined.

    Raises
    ------
    InputError
    """
    if not Crs.of(crs).is_known:
        raise InputError(
            f"Layer '{layer}' has no coordinate reference system: set the right one under "
            f"Layer Properties > Source (or with 'Assign projection') and run again.",
            layer=layer,
        )


def require_metres(crs: Crs | str, layer: str, *, centre: tuple[float, float] | None = None) -> None:
    """Refuse a CRS that is not projected in metres; name one that fits.

    Parameters
    ----------
    crs : Crs
        Of layer ``layer``.
    layer : str
        Its name, for the message.
    centre : (float, float), optional
        A point of the layer in its own CRS, from which a fitting CRS is named.

    Raises
    ------
    InputError
        No CRS, one in degrees or feet, a geocentric or a local one.
    """
    crs = Crs.of(crs)
    require_known(crs, layer)
    if crs.is_metric:
        return
    reference = crs.reference
    offer = "a projected CRS in metres"
    if centre is not None:
        with contextlib.suppress(Exception), gdal_exceptions():
            longitude, latitude, _ = crs.to("EPSG:4326").TransformPoint(*centre)
            if math.isfinite(longitude) and math.isfinite(latitude):
                offer = f"a projected CRS in metres, such as {fitting_crs(longitude, latitude)}"
    if reference.IsGeographic():
        found, remedy = (
            f"is in degrees ({crs.name}), and costs and areas need metres",
            f"reproject it ('Warp (reproject)') to {offer}",
        )
    elif reference.IsProjected():
        found = f"is in {reference.GetLinearUnitsName()} ({crs.name}), and costs and areas need metres"
        remedy = f"reproject it ('Warp (reproject)') to {offer}"
    elif reference.IsGeocentric():
        found = f"is in a geocentric CRS, not a projected one ({crs.name})"
        remedy = f"reproject it ('Warp (reproject)') to {offer}"
    else:
        found = f"is in a local CRS, not a projected one ({crs.name})"
        remedy = f"assign the CRS that its coordinates are in, or georeference it, in {offer}"
    raise InputError(f"Layer '{layer}' {found}: {remedy}.", layer=layer)
