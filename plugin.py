"""The plugin: registers the provider and, where there is a window, a menu for the bundled models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsApplication
from qgis.PyQt.QtGui import QIcon

from .algorithms.base import ROOT
from .algorithms.provider import EcoNetProvider, model_files

MENU = "EcoNet"


class EcoNetPlugin:
    """What QGIS loads.

    Parameters
    ----------
    iface : QgisInterface, optional
        None in qgis_process, which has no window.
    """

    def __init__(self, iface: Any) -> None:
        self.iface = iface
        self.provider: EcoNetProvider | None = None
        self.actions: list[Any] = []

    def initProcessing(self) -> None:
        """Called by qgis_process and, through initGui, by QGIS."""
        self.provider = EcoNetProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)
        # The models' children are ours: they are only known once the provider is registered.
        self.provider.refreshAlgorithms()

    def initGui(self) -> None:
        """Called by QGIS with a window: the provider and the menu."""
        from qgis.PyQt.QtWidgets import QAction

        self.initProcessing()
        icon = QIcon(str(ROOT / "icons" / "econet.svg"))
        for path in model_files():
            algorithm = QgsApplication.processingRegistry().algorithmById(f"econet:{path.stem}")
            label = algorithm.displayName() if algorithm else path.stem
            action = QAction(icon, f"Edit a copy of '{label}' in the Modeler", self.iface.mainWindow())
            action.triggered.connect(lambda _=False, path=path: self.open_model_copy(path))
            self.iface.addPluginToMenu(MENU, action)
            self.actions.append(action)

    def open_model_copy(self, path: Path) -> Any:
        """Open a bundled model as a new, unsaved model; a provider's own model cannot be edited."""
        from processing.modeler.ModelerDialog import ModelerDialog
        from qgis.core import QgsProcessingModelAlgorithm

        model = QgsProcessingModelAlgorithm()
        model.fromFile(str(path))
        model.setSourceFilePath("")
        dialog = ModelerDialog.create(model)
        dialog.show()
        return dialog

    def unload(self) -> None:
        """Called by QGIS when the plugin is switched off."""
        for action in self.actions:
            self.iface.removePluginMenu(MENU, action)
            action.deleteLater()
        self.actions = []
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
            self.provider = None
