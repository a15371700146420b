"""EcoNet: ecological networks of mining cities, as a QGIS Processing plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plugin import EcoNetPlugin


def classFactory(iface: Any) -> EcoNetPlugin:
    """The plugin; QGIS calls this, with ``iface`` None in qgis_process."""
    from .plugin import EcoNetPlugin

    return EcoNetPlugin(iface)
