"""Coordinate reference systems: compared by meaning, refused when lengths would be wrong."""

import contextlib
import math
import re

from osgeo import osr

from .errors import InputError
from .gdal_session import gdal_exceptions


def spatial_reference(wkt):
    """An ``osr.SpatialReference`` with x before y, from WKT, ``EPSG:n`` or PROJ text."""
    with gdal_exceptions():
        reference = osr.SpatialReference()
        try:
            reference.SetFromUserInput(wkt)
        except RuntimeError:
            raise InputError(
                f"'{wkt[:80]}' is not a coordinate reference system: give its WKT, or a code such as EPSG:4549."
            ) from None
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return reference


def crs_name(wkt):
    """A short name for messages, such as ``WGS 84 / UTM zone 51N (EPSG:32651)``."""
    if not wkt:
        return "no CRS"
    reference = spatial_reference(wkt)
    name = reference.GetName() or "an unnamed CRS"
    authority, code = reference.GetAuthorityName(None), reference.GetAuthorityCode(None)
    return f"{name} ({authority}:{code})" if authority and code else name


def is_same_crs(wkt_a, wkt_b):
    """True when both texts mean the same CRS, whatever their wording or axis order."""
    if wkt_a == wkt_b:
        return True
    if not wkt_a or not wkt_b:
        return False
    a, b = spatial_reference(wkt_a), spatial_reference(wkt_b)
    if a.IsSame(b, ["IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES"]):
        return True
    codes = [(r.GetAuthorityName(None), r.GetAuthorityCode(None)) for r in (a, b)]
    if codes[0] == codes[1] and all(codes[0]):
        return True
    return _same_datum(a, b) and _same_coordinates(a, b)


def _same_datum(a, b):
    """Datums of one name, or one without a name on the ellipsoid of the other."""
    if not (a.IsProjected() and b.IsProjected() or a.IsGeographic() and b.IsGeographic()):
        return False
    names = [re.sub(r"\W|_", "", r.GetAttrValue("DATUM") or "unknown").lower() for r in (a, b)]
    one = names[0] == names[1] or any(name.startswith(("unknown", "notspecified")) for name in names)
    return (
        one
        and abs(a.GetSemiMajor() - b.GetSemiMajor()) < 1e-3
        and abs(a.GetInvFlattening() - b.GetInvFlattening()) < 1e-6
    )


def _same_coordinates(a, b):
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


def transformation(wkt_from, wkt_to, name=""):
    """An ``osr.CoordinateTransformation`` with x before y on both sides.

    Raises
    ------
    InputError
        Nothing leads from one to the other, as from a local CRS; names layer ``name``.
    """
    with gdal_exceptions():
        try:
            return osr.CoordinateTransformation(spatial_reference(wkt_from), spatial_reference(wkt_to))
        except RuntimeError:
            raise InputError(
                f"Layer '{name}' cannot be brought from its CRS, {crs_name(wkt_from)}, to {crs_name(wkt_to)}: "
                f"assign the CRS that its coordinates are in, or georeference it."
            ) from None


def fitting_crs(longitude, latitude):
    """The projected CRS to offer for a place: its name and code.

    For China the CGCS2000 3-degree Gauss-Krueger zone (EPSG:4534 to 4554, central meridians
    75 to 135 degrees E) where EPSG's area of use holds the place, elsewhere the UTM zone.
    """
    meridian = 3 * math.floor(longitude / 3 + 0.5)
    if 75 <= meridian <= 135:
        code = 4534 + (meridian - 75) // 3
        area = spatial_reference(f"EPSG:{code}").GetAreaOfUse()
        if area and area.south_lat_degree <= latitude <= area.north_lat_degree:
            return f"CGCS2000 / 3-degree Gauss-Kruger CM {meridian}E (EPSG:{code})"
    zone = int(math.floor((longitude + 180) / 6)) % 60 + 1
    north = latitude >= 0
    return f"WGS 84 / UTM zone {zone}{'N' if north else 'S'} (EPSG:{(32600 if north else 32700) + zone})"


def require_known(wkt, name):
    """Refuse a layer without a CRS, and one whose GeoPackage says that it is undefined."""
    if not wkt or re.match(r'\w+\["Undefined (geographic|Cartesian) SRS"', wkt):
        raise InputError(
            f"Layer '{name}' has no coordinate reference system: set the right one under "
            f"Layer Properties > Source (or with 'Assign projection') and run again."
        )


def require_metres(wkt, name, centre=None):
    """Refuse a CRS that is not projected in metres; name one that fits.

    Parameters
    ----------
    wkt : str
        The CRS of layer ``name``.
    centre : (float, float), optional
        A point of the layer in its own CRS, from which a fitting CRS is named.
    """
    require_known(wkt, name)
    reference = spatial_reference(wkt)
    offer = "a projected CRS in metres"
    if centre is not None:
        with contextlib.suppress(Exception), gdal_exceptions():
            longitude, latitude, _ = transformation(wkt, "EPSG:4326").TransformPoint(*centre)
            if math.isfinite(longitude) and math.isfinite(latitude):
                offer = f"a projected CRS in metres, such as {fitting_crs(longitude, latitude)}"
    if reference.IsGeographic():
        raise InputError(
            f"Layer '{name}' is in degrees ({crs_name(wkt)}), and costs and areas need metres: "
            f"reproject it ('Warp (reproject)') to {offer}."
        )
    if not reference.IsProjected():
        kind = "geocentric" if reference.IsGeocentric() else "local"
        mend = (
            f"reproject it ('Warp (reproject)') to {offer}"
            if kind == "geocentric"
            else f"assign the CRS that its coordinates are in, or georeference it, in {offer}"
        )
        raise InputError(f"Layer '{name}' is in a {kind} CRS, not a projected one ({crs_name(wkt)}): {mend}.")
    if abs(reference.GetLinearUnits() - 1.0) > 1e-9:
        raise InputError(
            f"Layer '{name}' is in {reference.GetLinearUnitsName()} ({crs_name(wkt)}), and costs "
            f"and areas need metres: reproject it ('Warp (reproject)') to {offer}."
        )
