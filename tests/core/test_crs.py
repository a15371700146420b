"""core.crs: equality by meaning, refusals that name a fitting CRS, GDAL's switches under threads."""

import threading
import time

import pytest
from osgeo import gdal, ogr, osr

from econet.core.crs import Crs, fitting_crs, require_known, require_metres
from econet.core.errors import InputError
from econet.core.gdal_session import gdal_exceptions

MODULES = (gdal, ogr, osr)

UTM_12_WITHOUT_AUTHORITY = (
    'PROJCS["UTM 12",GEOGCS["GRS 1980",DATUM["unknown",SPHEROID["GRS80",6378137,298.257222101]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
    'PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",-111],PARAMETER["scale_factor",0.9996],'
    'PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1]]'
)

# as written by ArcGIS for EPSG:4549, whose EPSG definition has northing before easting
ESRI_CGCS2000 = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_120E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",120.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


# equality -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [32651, 4549, 4526, 2437, 2334, 26912, 3857, 4326, 4490, 3035, 2263])
@pytest.mark.parametrize("form", ["WKT1_GDAL", "WKT1_ESRI", "WKT2_2015", "WKT2_2019"])
def test_the_same_crs_in_any_wording(code, form):
    other = osr.SpatialReference()
    other.ImportFromEPSG(code)
    text = other.ExportToWkt([f"FORMAT={form}"])
    assert Crs.of(f"EPSG:{code}").same_as(text)
    assert Crs.of(text).same_as(f"EPSG:{code}")


def test_axis_order_and_names_do_not_matter():
    assert Crs.of("EPSG:4326").same_as("OGC:CRS84")
    assert Crs.of("EPSG:4549").same_as(ESRI_CGCS2000)
    assert Crs.of(UTM_12_WITHOUT_AUTHORITY).same_as("EPSG:26912")
    assert Crs.of("+proj=utm +zone=51 +datum=WGS84").same_as("EPSG:32651")


@pytest.mark.parametrize(
    "a, b",
    [
        ("EPSG:32651", "EPSG:32650"),
        ("EPSG:32651", "EPSG:32751"),
        ("EPSG:32612", "EPSG:26912"),
        ("EPSG:32651", "EPSG:4326"),
        ("EPSG:4549", "EPSG:4550"),
        ("EPSG:4549", "EPSG:4528"),
        ("EPSG:4549", "EPSG:2437"),
        ("EPSG:2263", "EPSG:32118"),
        ("EPSG:4326", "EPSG:4490"),
        ("EPSG:4326", "EPSG:4978"),
        (UTM_12_WITHOUT_AUTHORITY, "EPSG:26911"),
        (UTM_12_WITHOUT_AUTHORITY, "EPSG:26712"),
        ("+proj=utm +zone=12 +ellps=GRS80 +towgs84=100,0,0", "EPSG:26912"),
        ("EPSG:32651", ""),
        ("", "EPSG:32651"),
    ],
)
def test_what_means_something_else_is_not_the_same(a, b):
    assert not Crs.of(a).same_as(b)


# refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "longitude, latitude, code",
    [
        (121.62, 42.02, 4550),
        (123.9, 41.85, 4550),
        (116.4, 39.9, 4548),
        (87.6, 43.8, 4538),
        (75.9, 39.5, 4534),
        (134.2, 48.3, 4554),
        (109.5, 18.3, 4546),
        (127.0, 37.5, 32652),
        (77.2, 28.6, 32643),
        (105.8, 21.0, 32648),
        (106.9, 47.9, 32648),
        (139.7, 35.7, 32654),
        (-112.95, 37.25, 32612),
        (151.2, -33.9, 32756),
        (-180, 5, 32601),
        (180, 5, 32601),
        (179.9, -5, 32760),
    ],
)
def test_fitting_crs_is_the_zone_of_the_place(longitude, latitude, code):
    text = fitting_crs(longitude, latitude)
    assert text.endswith(f"(EPSG:{code})")
    reference = Crs.of(f"EPSG:{code}").reference
    assert reference.GetName() == text.split(" (EPSG")[0]
    assert reference.IsProjected() and reference.GetLinearUnits() == 1
    apart = abs(reference.GetProjParm("central_meridian") - longitude)
    assert min(apart, 360 - apart) <= (1.5 if 4534 <= code <= 4554 else 3)
    back = Crs.of("EPSG:4326").to(f"EPSG:{code}").TransformPoint(longitude, latitude)
    assert abs(back[0] - 500000) < (160000 if 4534 <= code <= 4554 else 340000)


def test_degrees_feet_local_and_missing_crs_are_refused_with_layer_and_mend():
    with pytest.raises(InputError, match=r"'dem'.*degrees.*WGS 84 \(EPSG:4326\).*EPSG:4550"):
        require_metres("EPSG:4326", "dem", centre=(123.9, 41.85))
    with pytest.raises(InputError, match=r"'town'.*US survey foot.*EPSG:2263.*EPSG:32618"):
        require_metres("EPSG:2263", "town", centre=(985000, 200000))
    with pytest.raises(InputError, match=r"'plan'.*local"):
        require_metres('LOCAL_CS["plan",UNIT["metre",1]]', "plan", centre=(0, 0))
    with pytest.raises(InputError, match=r"'cloud'.*geocentric"):
        require_metres("EPSG:4978", "cloud")
    with pytest.raises(InputError, match=r"'bare' has no coordinate reference system"):
        require_known("", "bare")
    with pytest.raises(InputError, match=r"'EPSG:999999' is not a coordinate reference system"):
        _ = Crs.of("EPSG:999999").reference
    require_metres("EPSG:4549", "fine", centre=(500000, 4600000))
    require_metres("EPSG:5555", "with heights")


def test_names_for_messages():
    assert Crs.of("EPSG:32651").name == "WGS 84 / UTM zone 51N (EPSG:32651)"
    assert Crs.of(UTM_12_WITHOUT_AUTHORITY).name == "UTM 12"
    assert Crs.of("").name == "no CRS"


def test_transformation_takes_x_before_y_on_both_sides():
    # Snyder 1987, p. 269: UTM on Clarke 1866, zone 18, 73.5 W 40.5 N is 627106.5, 4484124.4
    x, y, _ = Crs.of("+proj=longlat +ellps=clrk66").to("+proj=utm +zone=18 +ellps=clrk66").TransformPoint(-73.5, 40.5)
    assert (x, y) == pytest.approx((627106.5, 4484124.4), abs=0.1)
    assert Crs.of("EPSG:4490").to("EPSG:4549").TransformPoint(120, 40)[:2] == pytest.approx(
        (500000, 4429529.03), abs=0.1
    )


# switches -------------------------------------------------------------------------------------------


def switches():
    return [module.GetUseExceptions() for module in MODULES]


@pytest.fixture
def all_off():
    before = switches()
    for _ in range(3):
        for module in reversed(MODULES):
            if module.GetUseExceptions():
                try:
                    module.DontUseExceptions()
                except RuntimeError:  # GDAL 3.6: another module is on top
                    continue
    assert switches() == [0, 0, 0]
    yield
    for module, was_on in zip(MODULES, before):
        if was_on:
            module.UseExceptions()


@pytest.mark.parametrize("on", [(), (gdal,), (osr,), (gdal, ogr, osr)], ids=len)
def test_switches_are_put_back_when_nested_or_raising(all_off, on):
    for module in on:
        module.UseExceptions()
    before = switches()
    try:
        with gdal_exceptions():
            assert switches() == [1, 1, 1]
            with pytest.raises(RuntimeError), gdal_exceptions():
                gdal.Open("/no/such/file.tif")
            assert switches() == [1, 1, 1]
            with pytest.raises(RuntimeError):
                gdal.Open("/no/such/file.tif")
        assert switches() == before
        with pytest.raises(ZeroDivisionError), gdal_exceptions():
            _ = 1 / 0
        assert switches() == before
    finally:
        for module in reversed(MODULES):
            if module.GetUseExceptions():
                module.DontUseExceptions()


def test_switches_under_threads(all_off):
    wrong = []

    def work(number):
        for step in range(60):
            try:
                with gdal_exceptions():
                    time.sleep(0.0003 * ((number + step) % 3))
                    try:
                        gdal.Open("/no/such/file.tif")
                        wrong.append("no exception inside")
                    except RuntimeError:
                        pass
            except RuntimeError as error:
                wrong.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert switches() == [0, 0, 0]
