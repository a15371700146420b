"""The provider: every algorithm file of this package, and the bundled models."""

import importlib
import pkgutil
from pathlib import Path

from qgis.core import QgsProcessingModelAlgorithm, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import corridors, network, resistance, services, sources
from .base import ROOT, EcoNetAlgorithm
from .help_text import help_html

MODELS = Path(__file__).resolve().parent / "models"


def algorithm_classes():
    """The algorithm class of every file in the step folders, in the folders' order."""
    found = []
    for package in (services, sources, resistance, corridors, network):
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            found += [
                item
                for item in vars(module).values()
                if isinstance(item, type) and issubclass(item, EcoNetAlgorithm) and item.__module__ == module.__name__
            ]
    return found


def model_files():
    return sorted(MODELS.glob("*.model3"))


class BundledModel(QgsProcessingModelAlgorithm):
    """A model of ``models/`` with a title: its name has to be an id, which nobody likes to read."""

    def displayName(self):
        return self.helpContent().get("SHORT_DESCRIPTION") or super().displayName()

    @property
    def ID(self):
        return self.name()

    def icon(self):
        return QIcon(str(ROOT / "icons" / "workflows.svg"))

    def shortHelpString(self):
        return help_html(self)

    def createInstance(self):
        copy = BundledModel()
        copy.loadVariant(self.toVariant())
        return copy


class EcoNetProvider(QgsProcessingProvider):
    def id(self):
        return "econet"

    def name(self):
        return "EcoNet"

    def longName(self):
        return "EcoNet: ecological networks"

    def icon(self):
        return QIcon(str(ROOT / "icons" / "econet.svg"))

    def svgIconPath(self):
        return str(ROOT / "icons" / "econet.svg")

    def loadAlgorithms(self):
        for algorithm in algorithm_classes():
            self.addAlgorithm(algorithm())
        for path in model_files():
            model = BundledModel()
            if model.fromFile(str(path)):
                self.addAlgorithm(model)
