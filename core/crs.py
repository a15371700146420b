"""Coordinate reference systems: compared by meaning, refused when lengths would be wrong."""

import contextlib
import math

from osgeo import gdal, ogr, osr

from .errors import InputError


@contextlib.contextmanager
def gdal_exceptions():
    """GDAL, OGR and OSR raise inside this block; their global switches are put back after it.

    QGIS shares one GDAL with every plugin, so the switches are not ours to leave on.
    """
    before = [module.GetUseExceptions() for module in (gdal, ogr, osr)]
    for module in (gdal, ogr, osr):
        module.UseExceptions()
    gdal.PushErrorHandler("CPLQuietErrorHandler")
    try:
        yield
    finally:
        gdal.PopErrorHandler()
        # GDAL 3.6 stacks the switches: last on, first off
        for module, was_on in zip((osr, ogr, gdal), reversed(before)):
            if not was_on:
                module.DontUseExceptions()


def spatial_reference(wkt):
    """An ``osr.SpatialReference`` with x before y, from WKT, ``EPSG:n`` or PROJ text."""
    with gdal_exceptions():
        reference = osr.SpatialReference()
        reference.SetFromUserInput(wkt)
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
    return codes[0] == codes[1] and all(codes[0])


def transformation(wkt_from, wkt_to):
    """An ``osr.CoordinateTransformation`` with x before y on both sides."""
    with gdal_exceptions():
        return osr.CoordinateTransformation(
            spatial_reference(wkt_from), spatial_reference(wkt_to))


def fitting_crs(longitude, latitude):
    """The projected CRS to offer for a place: its name and code.

    For China the CGCS2000 3-degree Gauss-Krueger zone (EPSG:4534 to 4554,
    central meridians 75 to 135 degrees E), elsewhere the UTM zone.
    """
    if 73.5 <= longitude <= 135.1 and 18 <= latitude <= 54:
        meridian = min(135, max(75, 3 * round(longitude / 3)))
        return f"CGCS2000 / 3-degree Gauss-Kruger CM {meridian}E (EPSG:{4534 + (meridian - 75) // 3})"
    zone = min(60, int(math.floor((longitude + 180) / 6)) % 60 + 1)
    north = latitude >= 0
    return (f"WGS 84 / UTM zone {zone}{'N' if north else 'S'} "
            f"(EPSG:{(32600 if north else 32700) + zone})")


def require_known(wkt, name):
    """Refuse a layer without a CRS."""
    if not wkt:
        raise InputError(
            f"Layer '{name}' has no coordinate reference system: set the right one under "
            f"Layer Properties > Source (or with 'Assign projection') and run again.")


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
            f"reproject it ('Warp (reproject)') to {offer}.")
    if not reference.IsProjected():
        raise InputError(
            f"Layer '{name}' is in a local CRS without a place on earth ({crs_name(wkt)}): "
            f"reproject it ('Warp (reproject)') to {offer}.")
    if abs(reference.GetLinearUnits() - 1.0) > 1e-9:
        raise InputError(
            f"Layer '{name}' is in {reference.GetLinearUnitsName()} ({crs_name(wkt)}), and costs "
            f"and areas need metres: reproject it ('Warp (reproject)') to {offer}.")
