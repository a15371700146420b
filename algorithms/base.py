"""What binds core to QGIS, once for all algorithms.

An algorithm file declares its parameters and three methods: ``read`` gives the inputs and choices of a run, ``check``
refuses what does not fit before the work, ``execute`` calls core and writes to the job. The job gives core's own types
and keeps core's manners: nothing is opened for writing before all is computed, and nothing is left behind by a failure
or a cancel.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputDefinition,
    QgsProcessingParameterFeatureSource,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ..core.crs import require_known
from ..core.errors import Cancelled, InputError
from ..core.grid.reading import check_overlap, open_template
from ..core.mines import known_words
from . import compat
from .help_text import help_html, read_help
from .job import Job
from .layers import QgisLayer

ROOT = Path(__file__).resolve().parent.parent

GROUPS = {
    "services": "1 Ecosystem services",
    "sources": "2 Sources",
    "resistance": "3 Resistance",
    "corridors": "4 Corridors",
    "breakpoints": "5 Breakpoints",
    "network": "6 Network",
    "workflows": "Workflows",
}


InputsT = TypeVar("InputsT")


class EcoNetAlgorithm(QgsProcessingAlgorithm, Generic[InputsT]):
    """Base of every algorithm of the provider; ``InputsT`` is the dataclass that the step's `read` gives.

    Attributes
    ----------
    ID, NAME : str
        The toolbox id and the display name.
    GROUP : str
        A key of ``GROUPS``.
    CORE : str
        The core module that holds the science, such as ``services.carbon_storage``.
    REQUIRES : tuple of str
        Libraries beyond numpy and GDAL.
    TEMPLATE : tuple of str
        Keys of the raster inputs that may serve as template, the first that is given does.
    STYLES : dict
        Output key to the name of a style (see ``styling``).
    KEYS : dict
        Core's name of a parameter, as in ``InputError.parameter``, to the dialog's key where it is not the same
        word in capitals.
    """

    ID: ClassVar[str] = ""
    NAME: ClassVar[str] = ""
    GROUP: ClassVar[str] = ""
    CORE: ClassVar[str] = ""
    REQUIRES: ClassVar[tuple[str, ...]] = ()
    TEMPLATE: ClassVar[tuple[str, ...]] = ()
    STYLES: ClassVar[Mapping[str, str]] = {}
    KEYS: ClassVar[Mapping[str, str]] = {}

    def definitions(self) -> list[Any]:
        """Parameters and outputs, in the dialog's order."""
        raise TypeError(f"{type(self).__name__} defines no parameters.")

    def read(self, job: Job) -> InputsT:
        """The step's inputs: sources of its layers, whose values are not read yet, and its choices.

        A frozen dataclass of the algorithm's file. Core's dataclass of choices checks itself as it is made.
        """
        raise TypeError(f"{type(self).__name__} reads no inputs.")

    def check(self, inputs: InputsT) -> None:
        """Refuse what can be known to be wrong before the work starts, by raising InputError.

        Asks layers for their outlines and rasters for their cells, never for values.
        """

    def execute(self, inputs: InputsT, job: Job) -> None:
        """Read the layers of the inputs, call core, write to the job; QGIS has taken the name ``run``."""
        raise TypeError(f"{type(self).__name__} does no work.")

    # what QGIS asks ------------------------------------------------------------------------------

    def name(self) -> str:
        """The id in the toolbox."""
        return self.ID

    def displayName(self) -> str:
        """The name in the toolbox."""
        return self.tr(self.NAME)

    def group(self) -> str:
        """The name of the group in the toolbox."""
        return self.tr(GROUPS[self.GROUP])

    def groupId(self) -> str:
        """The group's id."""
        return self.GROUP

    def icon(self) -> QIcon:
        """The group's icon."""
        return QIcon(str(ROOT / "icons" / f"{self.GROUP}.svg"))

    def createInstance(self) -> EcoNetAlgorithm[InputsT]:
        """A new one, as QGIS asks for before each run."""
        return type(self)()

    def tr(self, text: str) -> str:
        """A text in the language of QGIS."""
        return str(QCoreApplication.translate("EcoNet", text))

    def shortDescription(self) -> str:
        """The help's first paragraph."""
        return read_help(self.ID)[0]

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return help_html(self)

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare parameters and outputs, each parameter with its help."""
        texts = read_help(self.ID)[1]
        for definition in self.definitions():
            definition.setDescription(self.tr(definition.description()))
            if isinstance(definition, QgsProcessingOutputDefinition):
                self.addOutput(definition)
            else:
                definition.setHelp(texts.get(definition.name(), ""))
                self.addParameter(definition)

    def canExecute(self) -> tuple[bool, str]:
        """Whether the libraries are there, and what to install if not."""
        missing = [name for name in self.REQUIRES if importlib.util.find_spec(name) is None]
        if missing:
            names = ", ".join(missing)
            return False, self.tr(
                f"This step needs the Python package {names}, which this QGIS does not bring: install "
                f"it with the OSGeo4W installer, with your system's packages "
                f"({', '.join('python3-' + name for name in missing)}) or with pip, and restart QGIS."
            )
        return True, ""

    def checkParameterValues(self, parameters: Mapping[str, Any], context: Any) -> tuple[bool, str]:
        """Whether a run may start, and the refusal if not; QGIS asks when Run is clicked."""
        fine, message = super().checkParameterValues(parameters, context)
        if not fine:
            return fine, message
        job = Job(self, parameters, context, None)
        try:
            self._checked_inputs(job)
        except InputError as error:
            return False, self._message_of(error)
        finally:
            job.close()
        return True, ""

    def _message_of(self, error: InputError) -> str:
        """The error as the planner reads it: the dialog's label stands before it, never a key."""
        if not error.parameter:
            return error.message
        definition = self.parameterDefinition(self.KEYS.get(error.parameter, error.parameter.upper()))
        label = definition.description() if definition else error.parameter.replace("_", " ").capitalize()
        return f"{label}: {error.message}"

    def _checked_inputs(self, job: Job) -> InputsT:
        """What `read` gives, once all that can be known before the work has been checked."""
        job.check_targets(job.input_paths())
        for definition in self.parameterDefinitions():
            if isinstance(definition, QgsProcessingParameterFeatureSource):
                layer = job.optional_layer(definition.name())
                if layer is not None:
                    layer.require_one_kind()
                    require_known(layer.crs, layer.name)
                    _require_kind(definition, layer)
        if self.parameterDefinition("MINE_WORDS") is not None:
            known_words(job.table("MINE_WORDS"))
        rasters, template = job.all_rasters(), job.template_source()
        if template is not None:
            cells = open_template(template)
            for source in rasters:
                if source.path != template.path:
                    check_overlap(source, cells)
        inputs = self.read(job)
        self.check(inputs)
        return inputs

    def processAlgorithm(self, parameters: Mapping[str, Any], context: Any, feedback: Any) -> dict[str, Any]:
        """One run, whole or without a trace."""
        results, refusal = self._results_of(Job(self, parameters, context, feedback))
        if refusal:
            # QGIS never lets go of what it is raised: no cause, whose frames hold all maps and open layers
            raise QgsProcessingException(refusal)
        return results

    def _results_of(self, job: Job) -> tuple[dict[str, Any], str]:
        """The results of a run, and the refusal or cancel that ended it."""
        try:
            inputs = self._checked_inputs(job)
            with job.files:
                self.execute(inputs, job)
                job.write_sinks()
        except InputError as error:
            return {}, self._message_of(error)
        except Cancelled as error:
            return {}, self.tr(str(error))
        finally:
            job.close()
        job.attach_styles()
        return job.results, ""


def _require_kind(definition: Any, layer: QgisLayer) -> None:
    kinds, kind = compat.geometry_kinds(definition), layer.geometry_kind
    if kinds and kind not in (*kinds, "Unknown geometry"):
        raise InputError(
            f"Layer '{layer.name}' for '{definition.description()}' holds {kind.lower()} features, and "
            f"{' or '.join(kinds).lower()} features are needed: choose another layer.",
            layer=layer.name,
        )
