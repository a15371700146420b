"""Toolbox step: ecological fracture surfaces, where corridors run through mines."""

from ...core.grid.reading import read_raster
from ...core.mines import FEATURES, METHODS, STATES
from ...core.network.fracture_surfaces import fracture_surfaces
from ...core.schemas import FRACTURE_PAIRS, FRACTURE_SURFACES
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY


def _labels(words):
    return [word.capitalize() for word in words]


class FractureSurfaces(EcoNetAlgorithm):
    ID = "fracturesurfaces"
    NAME = "Fracture surfaces"
    GROUP = "breakpoints"
    CORE = "network.fracture_surfaces"
    REQUIRES = ("scipy",)
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "fracture_surfaces"}

    def definitions(self):
        return [
            p.vector("CORRIDORS", "Corridors", p.LINE),
            *p.mine_parameters(needed=("method", "state")),
            p.raster("RESISTANCE", "Resistance"),
            p.choices(
                "METHODS",
                "Methods that break corridors (none: all)",
                _labels(METHODS),
                [METHODS.index("open pit")],
                optional=True,
            ),
            p.choices(
                "STATES",
                "States that break corridors (none: all)",
                _labels(STATES),
                [STATES.index("producing"), STATES.index("abandoned")],
                optional=True,
            ),
            p.advanced(
                p.choices(
                    "FEATURES",
                    "Features that break corridors (none: all)",
                    _labels(FEATURES),
                    [FEATURES.index("pit")],
                    optional=True,
                )
            ),
            p.vector_output("OUTPUT", "Fracture surfaces", p.POLYGON),
            p.vector_output("OUTPUT_PAIRS", "Pairs of corridor and mine", p.TABLE, optional=True),
            p.number_output("N_FRACTURES", "Number of fracture surfaces"),
            p.number_output("N_PAIRS", "Number of pairs of corridor and mine"),
        ]

    def execute(self, job):
        methods, states, features = (
            tuple(words[index] for index in job.choices(key))
            for key, words in (("METHODS", METHODS), ("STATES", STATES), ("FEATURES", FEATURES))
        )
        resistance = read_raster(job.raster("RESISTANCE"))
        mines = job.mines(resistance.template.crs, needed=("method",) if methods else ())
        found = fracture_surfaces(job.features("CORRIDORS"), mines, resistance, methods, states, features, job.progress)
        job.write_features(
            "OUTPUT",
            FRACTURE_SURFACES,
            GEOMETRY.Polygon,
            found.surfaces.crs,
            zip(found.surfaces.geometries, found.surfaces.attributes),
        )
        job.write_table("OUTPUT_PAIRS", FRACTURE_PAIRS, found.pairs)
        job.result("N_FRACTURES", len(found.surfaces))
        job.result("N_PAIRS", len(found.pairs))
