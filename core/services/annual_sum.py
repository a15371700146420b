"""Annual sums of rain or evapotranspiration, given as such or as twelve monthly bands."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyArray
from ..errors import InputError
from ..grid.blocks import ArrayOutput, run
from ..grid.grid import QUANTITY, Grid, Template, Window, float_grid
from ..grid.reading import RasterSource
from ..grid.warping import AlignedRaster, align
from ..progress import SILENT, Progress

_MONTHS = 12


class AnnualSum:
    """An annual sum as an input of `blocks.run`: a raster of one band, or of twelve that are added.

    Parameters
    ----------
    source : reading.RasterSource
        Opened once, whatever the number of bands.
    template : grid.Template

    Raises
    ------
    InputError
        Another number of bands, or a raster that `warping.align` refuses.
    """

    def __init__(self, source: RasterSource, template: Template) -> None:
        self.bands: int = source.dataset.RasterCount
        if self.bands not in (1, _MONTHS):
            raise InputError(
                f"Raster '{source.name}' has {self.bands} bands: give the annual sum in one band, or the "
                f"twelve months in twelve.",
                layer=source.name,
            )
        self.name, self.template = source.name, template
        # a source of one band may name another band of its file
        sources = [source] if self.bands == 1 else [source.of_band(band) for band in range(1, _MONTHS + 1)]
        self._months = [AlignedRaster(month, template) for month in sources]

    def read(self, window: Window, progress: Progress = SILENT) -> Grid:
        """The sum in a window; NaN where a month has no value."""
        if self.bands == 1:
            return self._months[0].read(window, progress)
        total: AnyArray = np.zeros((window.rows, window.cols), dtype=np.float32)
        for month in self._months:
            total = total + month.read(window, progress).floats()
        return float_grid(total, self.template.part(window), self.name)

    def finish(self, progress: Progress = SILENT) -> None:
        """Refuse a raster without any value; log how it was aligned, and that months were added."""
        for number, month in enumerate(self._months):
            month.finish(progress.quiet() if number else progress)
        if self.bands == _MONTHS:
            progress.log(f"Raster '{self.name}': its twelve months were added to a year.")


def read_annual(source: RasterSource, template: Template, *, progress: Progress = SILENT) -> Grid:
    """An annual sum on a template's cells, whole in memory; as `AnnualSum`."""
    annual = AnnualSum(source, template)
    if annual.bands == 1:
        return align(source, template, kind=QUANTITY, progress=progress)
    total = ArrayOutput(template)
    run([annual], lambda _, part: (part.values,), [total], progress=progress)
    return float_grid(total.values, template, source.name)
