"""Toolbox step: interaction between sources, and important and general corridors."""

from qgis.core import QgsWkbTypes

from ...core import schemas
from ...core.corridors.gravity import (
    AREA,
    AREA_UNITS,
    FORMS,
    LOGARITHM,
    THRESHOLD_RULES,
    check_corridors,
    check_threshold,
    gravity_model,
)
from ...core.corridors.gravity_report import gravity_report
from ...core.grid.reading import read_raster
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY

UNITS = list(AREA_UNITS)
_FORM_LABELS = {LOGARITHM: "Closed form of equation 9 (ln S / P)", AREA: "Area form (S / P)"}


class GravityModel(EcoNetAlgorithm):
    ID = "gravitymodel"
    NAME = "Gravity model"
    GROUP = "corridors"
    CORE = "corridors.gravity"
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "corridors"}

    def definitions(self):
        return [
            p.vector("CORRIDORS", "Corridors", p.LINE),
            p.vector("SOURCES", "Ecological sources", p.POLYGON),
            p.raster("RESISTANCE", "Resistance"),
            p.choice("FORM", "Form of the model", [_FORM_LABELS[form] for form in FORMS]),
            p.choice("AREA_UNIT", "Unit of area", UNITS),
            p.choice(
                "THRESHOLD_RULE", "Threshold of important corridors", [rule.capitalize() for rule in THRESHOLD_RULES]
            ),
            p.number("THRESHOLD", "Threshold: quantile (0 to 1) or fixed gravity", optional=True),
            p.flag("DROP_REDUNDANT", "Drop redundant corridors after the threshold is taken", True),
            p.advanced(p.field("ID_FIELD", "Sources: field of the id", "SOURCES")),
            p.vector_output("OUTPUT", "Corridors with gravity", p.LINE),
            p.vector_output("OUTPUT_MATRIX", "Gravity matrix", p.TABLE, optional=True),
            p.report_output("OUTPUT_REPORT", "Gravity report"),
            p.number_output("THRESHOLD_VALUE", "Threshold of important corridors"),
            p.number_output("N_IMPORTANT", "Number of important corridors"),
            p.number_output("N_GENERAL", "Number of general corridors"),
        ]

    def validate(self, job):
        check_threshold(THRESHOLD_RULES[job.choice("THRESHOLD_RULE")], job.number("THRESHOLD"))
        check_corridors(job.outline("CORRIDORS"))

    def execute(self, job):
        corridors, sources, resistance = job.features("CORRIDORS"), job.features("SOURCES"), job.raster("RESISTANCE")
        form, unit = FORMS[job.choice("FORM")], UNITS[job.choice("AREA_UNIT")]
        rule, drop = THRESHOLD_RULES[job.choice("THRESHOLD_RULE")], job.flag("DROP_REDUNDANT")
        found = gravity_model(
            corridors,
            sources,
            read_raster(resistance),
            form,
            unit,
            rule,
            job.number("THRESHOLD"),
            drop,
            job.field("ID_FIELD"),
            job.progress,
        )
        new = schemas.names(schemas.GRAVITY)
        schema = [field for field in job.schema("CORRIDORS") if field.name not in new]
        line = QgsWkbTypes.linearType(QgsWkbTypes.flatType(job.layer("CORRIDORS").wkb_type))
        job.write_features(
            "OUTPUT",
            (*schema, *schemas.GRAVITY),
            line if line != GEOMETRY.Unknown else GEOMETRY.MultiLineString,
            corridors.crs,
            zip(found.corridors.geometries, found.corridors.attributes),
        )
        job.write_table("OUTPUT_MATRIX", schemas.gravity_matrix(found.ids), found.matrix_rows())
        job.write_report(
            "OUTPUT_REPORT",
            gravity_report(
                found,
                [
                    ("Corridors", corridors.name),
                    ("Sources", sources.name),
                    ("Resistance", resistance.name),
                    ("Form", form),
                    ("Unit of area", unit),
                    ("Threshold rule", rule),
                    ("Redundant corridors dropped", drop),
                ],
            ),
        )
        job.result("THRESHOLD_VALUE", found.threshold)
        job.result("N_IMPORTANT", found.n_important)
        job.result("N_GENERAL", found.n_general)
