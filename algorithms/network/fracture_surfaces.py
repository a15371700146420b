"""Toolbox step: ecological fracture surfaces, where corridors run through mines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.geometry.layers import LayerSource
from ...core.grid.reading import RasterSource, open_template, read_raster
from ...core.mines import MineFeature, MineState, MiningMethod
from ...core.network.fracture_surfaces import FractureChoices, check_corridors, fracture_surfaces
from ...core.schemas import FRACTURE_PAIRS, FRACTURE_SURFACES
from .. import parameters as p
from ..base import EcoNetAlgorithm
from ..compat import GEOMETRY
from ..job import Job
from ..layers import MineLayer


@dataclass(frozen=True)
class Inputs:
    """The corridors, the mines, the surface that gave the corridors, and which mines count."""

    corridors: LayerSource
    mines: MineLayer
    resistance: RasterSource
    choices: FractureChoices

    @property
    def needed(self) -> tuple[str, ...]:
        """What must be known of every mine."""
        return ("method",) if self.choices.methods else ()


class FractureSurfaces(EcoNetAlgorithm[Inputs]):
    """Mines that corridors run through, and the pairs of corridor and mine."""

    ID = "fracturesurfaces"
    NAME = "Fracture surfaces"
    GROUP = "breakpoints"
    CORE = "network.fracture_surfaces"
    REQUIRES = ("scipy",)
    TEMPLATE = ("RESISTANCE",)
    STYLES = {"OUTPUT": "fracture_surfaces"}

    def definitions(self) -> list[Any]:
        """Parameters and outputs."""
        usual = FractureChoices()
        return [
            p.vector("CORRIDORS", "Corridors", p.LINE),
            *p.mine_parameters(needed=("method", "state")),
            p.raster("RESISTANCE", "Resistance"),
            p.options(
                "METHODS",
                "Methods that break corridors (none: all)",
                MiningMethod,
                default=usual.methods,
                optional=True,
            ),
            p.options(
                "STATES", "States that break corridors (none: all)", MineState, default=usual.states, optional=True
            ),
            p.advanced(
                p.options(
                    "FEATURES",
                    "Features that break corridors (none: all)",
                    MineFeature,
                    default=usual.features,
                    optional=True,
                )
            ),
            p.vector_output("OUTPUT", "Fracture surfaces", p.POLYGON),
            p.vector_output("OUTPUT_PAIRS", "Pairs of corridor and mine", p.TABLE, optional=True),
            p.number_output("N_FRACTURES", "Number of fracture surfaces"),
            p.number_output("N_PAIRS", "Number of pairs of corridor and mine"),
        ]

    def read(self, job: Job) -> Inputs:
        """The layers and the choices."""
        return Inputs(
            corridors=job.layer("CORRIDORS"),
            mines=job.mine_layer(),
            resistance=job.raster("RESISTANCE"),
            choices=FractureChoices(
                methods=tuple(job.options("METHODS", MiningMethod)),
                states=tuple(job.options("STATES", MineState)),
                features=tuple(job.options("FEATURES", MineFeature)),
            ),
        )

    def check(self, inputs: Inputs) -> None:
        """Refuse mines without the fields that are needed, and corridors that lie away from the surface."""
        inputs.mines.check(inputs.needed)
        check_corridors(inputs.corridors.outline, open_template(inputs.resistance))

    def execute(self, inputs: Inputs, job: Job) -> None:
        """Find the surfaces, and write them and the pairs."""
        resistance = read_raster(inputs.resistance)
        mines = inputs.mines.read(resistance.template.crs, job.progress, needed=inputs.needed)
        corridors = inputs.corridors.read(job.progress)
        found = fracture_surfaces(corridors, mines, resistance, choices=inputs.choices, progress=job.progress)
        job.write_features(
            "OUTPUT",
            FRACTURE_SURFACES,
            geometry=GEOMETRY.Polygon,
            crs=found.surfaces.crs,
            rows=zip(found.surfaces.geometries, found.surfaces.attributes),
        )
        job.write_table("OUTPUT_PAIRS", FRACTURE_PAIRS, found.pairs)
        job.result("N_FRACTURES", len(found.surfaces))
        job.result("N_PAIRS", len(found.pairs))
