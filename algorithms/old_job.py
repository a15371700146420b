"""Inputs as steps without ``read`` ask for them; goes with the last such step."""

from __future__ import annotations

from ..core.geometry.layers import Layer
from .job_inputs import JobInputs
from .layers import MINE_ATTRIBUTES


class OldInputs(JobInputs):
    @property
    def said(self):
        return self.log_lines

    def feature_source(self, key):
        layer = self.optional_layer(key)
        return None if layer is None else layer.source

    def outline(self, key) -> Layer | None:
        layer = self.optional_layer(key)
        return None if layer is None else layer.outline

    def features(self, key) -> Layer | None:
        layer = self.optional_layer(key)
        return None if layer is None else layer.read(self.progress)

    def is_raster(self, key) -> bool:
        return not hasattr(self.map_layer(key), "read")

    def mines(self, crs, needed=MINE_ATTRIBUTES):
        layer = self.optional_mine_layer()
        return None if layer is None else layer.read(crs, self.progress, needed=needed)

    def check_mines(self, needed=MINE_ATTRIBUTES):
        layer = self.optional_mine_layer()
        if layer is not None:
            layer.check(needed)
