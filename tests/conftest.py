"""Registers the checkout as the package ``econet`` before any test imports it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from load_econet import load_econet  # noqa: E402

load_econet()
