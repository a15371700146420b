"""EcoNet: ecological networks of mining cities, as a QGIS Processing plugin."""


def classFactory(iface):
    """The plugin; QGIS calls this, with ``iface`` None in qgis_process."""
    from .plugin import EcoNetPlugin

    return EcoNetPlugin(iface)
