"""Toolbox step: ecological sources out of patches."""

from ...core.patch_sizes import SIZE_CLASSES, bands_from_text
from ...core.schemas import MERGED, SOURCES
from ...core.sources.selection import check_choices, choose_sources
from ...core.sources.selection_report import selection_report
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


class SelectSources(EcoNetAlgorithm):
    ID = "selectsources"
    NAME = "Select sources"
    GROUP = "sources"
    CORE = "sources.selection"
    REQUIRES = ("scipy",)
    STYLES = {"OUTPUT": "sources"}

    def definitions(self):
        return [
            p.vector("PATCHES", "Patches", p.POLYGON),
            p.vector("INCLUDE", "Polygons that must be sources, such as reserves", p.POLYGON, optional=True),
            p.vector("EXCLUDE", "Polygons that may not be sources", p.POLYGON, optional=True),
            p.number("MIN_AREA", "Least area (km2)", minimum=0, optional=True),
            p.number("MIN_DPC", "Least dPC (%)", minimum=0, optional=True),
            p.number(
                "MIN_EC_SHARE",
                "Keep the first by dPC with this share of connectivity (% of EC; empty: all)",
                optional=True,
            ),
            p.integer("TOP", "Keep only the first so many by dPC (empty: all)", minimum=0, optional=True),
            p.choices("SIZE_CLASSES", "Size classes", SIZE_CLASSES, [0]),
            p.number(
                "MERGE_DISTANCE",
                "Merge patches within this distance into one source (m; empty: none)",
                minimum=0,
                optional=True,
            ),
            p.number("MERGE_AREA", "Merge only patches smaller than this (km2; empty: all)", minimum=0, optional=True),
            p.advanced(p.text("AREA_BANDS", "Limits of small, medium and large merged patches (km2)", "1, 4, 7")),
            p.advanced(
                p.number(
                    "DISPERSAL_DISTANCE", "Dispersal distance, where dPC or EC is computed (m)", 2500, optional=True
                )
            ),
            p.advanced(p.number("DISPERSAL_PROBABILITY", "Probability at that distance", 0.5, optional=True)),
            p.vector_output("OUTPUT", "Sources", p.POLYGON),
            p.report_output("OUTPUT_REPORT", "Sources report"),
            p.number_output("N_SOURCES", "Number of sources"),
        ]

    def validate(self, job):
        bands_from_text(job.text("AREA_BANDS") or "1, 4, 7")
        check_choices(
            job.outline("PATCHES"),
            job.number("MIN_DPC"),
            job.number("MIN_EC_SHARE"),
            job.number("MERGE_DISTANCE"),
            job.number("MERGE_AREA"),
            job.number("DISPERSAL_DISTANCE"),
            job.number("DISPERSAL_PROBABILITY"),
            job.number("MIN_AREA"),
            job.integer("TOP"),
        )

    def execute(self, job):
        patches, include, exclude = (job.features(key) for key in ("PATCHES", "INCLUDE", "EXCLUDE"))
        size_classes = [SIZE_CLASSES[index] for index in job.choices("SIZE_CLASSES")]
        bands = job.text("AREA_BANDS") or "1, 4, 7"
        numbers = {
            name: job.number(key)
            for name, key in (
                ("min_area_km2", "MIN_AREA"),
                ("min_dpc", "MIN_DPC"),
                ("min_ec_share", "MIN_EC_SHARE"),
                ("top", "TOP"),
                ("merge_distance_m", "MERGE_DISTANCE"),
                ("merge_area_km2", "MERGE_AREA"),
                ("dispersal_distance", "DISPERSAL_DISTANCE"),
                ("dispersal_probability", "DISPERSAL_PROBABILITY"),
            )
        }
        numbers["top"] = job.integer("TOP")
        found = choose_sources(
            patches,
            size_classes,
            include=include,
            exclude=exclude,
            bands=bands_from_text(bands),
            progress=job.progress,
            **numbers,
        )
        schema = SOURCES if numbers["merge_distance_m"] is None else SOURCES + MERGED
        job.write_features(
            "OUTPUT",
            schema,
            GEOMETRY.MultiPolygon,
            patches.crs,
            [(source.geometry, source) for source in found.sources],
        )
        job.write_report(
            "OUTPUT_REPORT",
            selection_report(
                found,
                [
                    ("patches", patches.name),
                    ("must be sources", "none" if include is None else include.name),
                    ("may not be sources", "none" if exclude is None else exclude.name),
                    ("size classes", ", ".join(size_classes)),
                    *(
                        (label, "none" if numbers[name] is None else numbers[name])
                        for name, label in (
                            ("min_area_km2", "least area (km2)"),
                            ("min_dpc", "least dPC (%)"),
                            ("min_ec_share", "share of connectivity to keep (% of EC)"),
                            ("top", "number to keep"),
                            ("merge_distance_m", "patches merged within (m)"),
                            ("merge_area_km2", "only those smaller than (km2)"),
                            ("dispersal_distance", "dispersal distance (m)"),
                            ("dispersal_probability", "probability at it (0 to 1)"),
                        )
                    ),
                    ("limits of size classes of merged patches (km2)", bands),
                ],
            ),
        )
        job.result("N_SOURCES", len(found.sources))
