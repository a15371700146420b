"""Run inside QGIS by scripts/make_pictures: opens what a planner sees, and keeps a picture of each."""

import os
import sys
import traceback
from pathlib import Path

import processing
from qgis.core import QgsProject
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QTreeView
from qgis.utils import iface, plugins

ROOT = Path(os.environ["ECONET_ROOT"])
IMAGES = ROOT / "docs" / "images"
OPEN = []


def wait(milliseconds, then):
    QTimer.singleShot(milliseconds, lambda: guarded(then))


def guarded(step):
    try:
        step()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def save(widget, name):
    QApplication.processEvents()
    widget.grab().save(str(IMAGES / f"{name}.png"))


def project():
    iface.mainWindow().resize(1500, 930)
    QgsProject.instance().read(str(ROOT / "demo-output" / "mining_city.qgz"))
    toolbox = iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
    toolbox.hide()
    iface.mainWindow().findChild(QDockWidget, "Browser").hide()
    wait(9000, lambda: (save(iface.mainWindow(), "project"), show_toolbox()))


def show_toolbox():
    toolbox = iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
    toolbox.show()
    toolbox.setFloating(True)
    toolbox.resize(420, 760)
    tree = toolbox.findChild(QTreeView)
    model = tree.model()
    tree.collapseAll()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if "EcoNet" in str(index.data()):
            tree.expandRecursively(index)
            tree.scrollTo(index, QTreeView.ScrollHint.PositionAtTop)
    wait(1500, lambda: (save(toolbox, "toolbox"), toolbox.hide(), show_dialog()))


def show_dialog():
    dialog = processing.createAlgorithmDialog("econet:corridors", {})
    dialog.resize(980, 640)
    dialog.show()
    OPEN.append(dialog)
    wait(2000, lambda: (save(dialog, "corridors_dialog"), dialog.close(), show_modeler()))


def show_modeler():
    models = ROOT / "algorithms" / "models"
    dialog = plugins["econet"].open_model_copy(models / "ecologicalnetwork.model3")
    dialog.resize(1500, 930)
    OPEN.append(dialog)
    wait(2500, lambda: picture_modeler(dialog))


def picture_modeler(dialog):
    dialog.zoomFull() if hasattr(dialog, "zoomFull") else None
    wait(1500, lambda: (save(dialog, "modeler"), os._exit(0)))


IMAGES.mkdir(parents=True, exist_ok=True)
wait(4000, project)
