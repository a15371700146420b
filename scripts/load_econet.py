"""Makes the checkout importable as the package ``econet``, whatever its folder is called.

QGIS finds the plugin by a folder named ``econet``; tests, benchmarks and example makers run from
a checkout that may have any name.
"""

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def load_econet():
    """Register the checkout in ``sys.modules`` and return the package."""
    if "econet" in sys.modules:
        return sys.modules["econet"]
    spec = importlib.util.spec_from_file_location(
        "econet", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["econet"] = module
    spec.loader.exec_module(module)
    return module
