"""What binds core to QGIS, once for all algorithms.

An algorithm file declares its parameters and one ``execute(job)``: read from the job, call one core
function, write to the job. The job gives core's own types and keeps core's manners: nothing is
opened for writing before all is computed, and nothing is left behind by a failure or a cancel.
"""

import importlib.util
from pathlib import Path

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingOutputDefinition,
    QgsProcessingParameterFeatureSource,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ..core.crs import Crs, require_known
from ..core.errors import Cancelled, InputError
from ..core.grid.reading import check_overlap, open_template
from ..core.mines import known_words
from . import compat
from .help_text import help_html, read_help
from .job import Job, require_one_kind, wkt

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


class EcoNetAlgorithm(QgsProcessingAlgorithm):
    """Base of every algorithm of the provider.

    Class attributes
    ----------------
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

    ID = NAME = GROUP = CORE = ""
    REQUIRES = ()
    TEMPLATE = ()
    STYLES = {}
    KEYS = {}

    def definitions(self):
        """Parameters and outputs, in the dialog's order."""
        raise TypeError(f"{type(self).__name__} defines no parameters.")

    def read(self, job):
        """The step's inputs: sources of its layers, whose values are not read yet, and its choices.

        A frozen dataclass of the algorithm's file. Core's dataclass of choices checks itself as it is made.
        """
        raise TypeError(f"{type(self).__name__} reads no inputs.")

    def check(self, inputs):
        """Refuse what can be known to be wrong before the work starts, by raising InputError.

        Asks layers for their outlines and rasters for their cells, never for values.
        """

    def execute(self, inputs, job):
        """Read the layers of the inputs, call core, write to the job. (QGIS has taken the name ``run``.)"""
        raise TypeError(f"{type(self).__name__} does no work.")

    # what QGIS asks ------------------------------------------------------------------------------

    def name(self):
        return self.ID

    def displayName(self):
        return self.tr(self.NAME)

    def group(self):
        return self.tr(GROUPS[self.GROUP])

    def groupId(self):
        return self.GROUP

    def icon(self):
        return QIcon(str(ROOT / "icons" / f"{self.GROUP}.svg"))

    def createInstance(self):
        return type(self)()

    def tr(self, text):
        return QCoreApplication.translate("EcoNet", text)

    def shortDescription(self):
        return read_help(self.ID)[0]

    def shortHelpString(self):
        return help_html(self)

    def initAlgorithm(self, configuration=None):
        texts = read_help(self.ID)[1]
        for definition in self.definitions():
            definition.setDescription(self.tr(definition.description()))
            if isinstance(definition, QgsProcessingOutputDefinition):
                self.addOutput(definition)
            else:
                definition.setHelp(texts.get(definition.name(), ""))
                self.addParameter(definition)

    def canExecute(self):
        missing = [name for name in self.REQUIRES if importlib.util.find_spec(name) is None]
        if missing:
            names = ", ".join(missing)
            return False, self.tr(
                f"This step needs the Python package {names}, which this QGIS does not bring: install "
                f"it with the OSGeo4W installer, with your system's packages "
                f"({', '.join('python3-' + name for name in missing)}) or with pip, and restart QGIS."
            )
        return True, ""

    def checkParameterValues(self, parameters, context):
        fine, message = super().checkParameterValues(parameters, context)
        if not fine:
            return fine, message
        try:
            self._checked_inputs(Job(self, parameters, context, None))
        except InputError as error:
            return False, self._told(error)
        return True, ""

    def _told(self, error):
        """The error in the planner's words: the dialog's label stands before it, never a key."""
        definition = self.parameterDefinition(self.KEYS.get(error.parameter, error.parameter.upper()))
        return f"{definition.description()}: {error.message}" if definition else error.message

    def _checked_inputs(self, job):
        job.check_targets()
        for definition in self.parameterDefinitions():
            if isinstance(definition, QgsProcessingParameterFeatureSource):
                source = job.feature_source(definition.name())
                if source is not None:
                    require_one_kind(source)
                    require_known(Crs(wkt(source.sourceCrs())), source.sourceName())
                    self._require_kind(definition, source)
        if self.parameterDefinition("MINE_WORDS") is not None:
            known_words(job.table("MINE_WORDS"))
        rasters, template = job.all_rasters(), job.template_source()
        if template is not None:
            cells = open_template(template)
            for source in rasters:
                if source.path != template.path:
                    check_overlap(source, cells)
        if self._is_old_style():
            if hasattr(self, "validate"):
                self.validate(job)
            return None
        inputs = self.read(job)
        self.check(inputs)
        return inputs

    def _is_old_style(self):
        # until every step has read, check and execute(inputs, job)
        return type(self).read is EcoNetAlgorithm.read

    def _require_kind(self, definition, source):
        kinds, kind = compat.geometry_kinds(definition), compat.geometry_kind(source)
        if kinds and kind not in (*kinds, "Unknown geometry"):
            raise InputError(
                f"Layer '{source.sourceName()}' for '{definition.description()}' holds {kind.lower()} features, and "
                f"{' or '.join(kinds).lower()} features are needed: choose another layer."
            )

    def processAlgorithm(self, parameters, context, feedback):
        job, refusal = Job(self, parameters, context, feedback), ""
        try:
            inputs = self._checked_inputs(job)
            with job.files:
                if self._is_old_style():
                    self.execute(job)
                else:
                    self.execute(inputs, job)
                job.write_sinks()
        except InputError as error:
            refusal = self._told(error)
        except Cancelled as error:
            refusal = self.tr(str(error))
        if refusal:
            # QGIS never lets go of what it is raised: no cause, whose frames hold all maps and open layers
            job = inputs = None
            raise QgsProcessingException(refusal)
        job.attach_styles()
        return job.results
