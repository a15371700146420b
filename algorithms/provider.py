"""The provider: every algorithm file of this package, and the bundled models."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingModelAlgorithm, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import corridors, network, resistance, services, sources
from .base import ROOT, EcoNetAlgorithm
from .help_text import help_html

MODELS = Path(__file__).resolve().parent / "models"


def algorithm_classes() -> list[type[EcoNetAlgorithm[Any]]]:
    """The algorithm class of every file in the step folders, in the folders' order."""
    found: list[type[EcoNetAlgorithm[Any]]] = []
    for package in (services, sources, resistance, corridors, network):
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            found += [
                item
                for item in vars(module).values()
                if isinstance(item, type) and issubclass(item, EcoNetAlgorithm) and item.__module__ == module.__name__
            ]
    return found


def model_files() -> list[Path]:
    """The bundled models."""
    return sorted(MODELS.glob("*.model3"))


class BundledModel(QgsProcessingModelAlgorithm):
    """A model of ``models/`` that shows its title; QGIS takes a model's name, which is its id, for the title."""

    def displayName(self) -> str:
        """The title in the toolbox."""
        return str(self.helpContent().get("SHORT_DESCRIPTION") or super().displayName())

    @property
    def ID(self) -> str:
        """The toolbox id, which is the name of its help."""
        return str(self.name())

    def icon(self) -> QIcon:
        """The icon of workflows."""
        return QIcon(str(ROOT / "icons" / "workflows.svg"))

    def shortHelpString(self) -> str:
        """The help beside the dialog."""
        return help_html(self)

    def createInstance(self) -> BundledModel:
        """A copy, as QGIS asks for before each run."""
        copy = BundledModel()
        copy.loadVariant(self.toVariant())
        return copy


class EcoNetProvider(QgsProcessingProvider):
    """The toolbox of EcoNet."""

    def id(self) -> str:
        """What stands before the colon of an algorithm's id."""
        return "econet"

    def name(self) -> str:
        """The name in the toolbox."""
        return "EcoNet"

    def longName(self) -> str:
        """The name in full."""
        return "EcoNet: ecological networks"

    def icon(self) -> QIcon:
        """The plugin's icon."""
        return QIcon(str(ROOT / "icons" / "econet.svg"))

    def svgIconPath(self) -> str:
        """The icon's file."""
        return str(ROOT / "icons" / "econet.svg")

    def loadAlgorithms(self) -> None:
        """Add every algorithm and model."""
        for algorithm in algorithm_classes():
            self.addAlgorithm(algorithm())
        for path in model_files():
            model = BundledModel()
            if model.fromFile(str(path)):
                self.addAlgorithm(model)
