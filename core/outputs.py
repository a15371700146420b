"""Files of one run that appear together or not at all."""

from __future__ import annotations

import contextlib
import html
import math
import os
import shutil
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from .arrays import DTypeLike
from .errors import InputError
from .grid.grid import Grid, Template, windows
from .grid.storage import stored_dtype
from .grid.writing import RasterWriter
from .progress import SILENT, Progress

_SIDE_CARS = (".aux.xml", ".ovr", ".msk")
_DATABASE_PARTS = ("", "-wal", "-shm", "-journal")


def write_raster(grid: Grid, path: str, progress: Progress = SILENT) -> str:
    """Write a compressed, tiled GeoTIFF whole or not at all.

    The file is written under a temporary name beside ``path`` and renamed when it is complete.

    Raises
    ------
    InputError
        It cannot be written.
    """
    outputs = OutputFiles()
    with outputs:
        outputs.raster(grid, path, progress)
    return path


class OutputFiles:
    """Files of one algorithm that appear together or not at all.

    Use as a context manager: every file is written under a temporary name beside its target;
    leaving the block normally renames them all, leaving it by an exception removes them. An existing file
    is replaced only once all new files are complete.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._pending: list[tuple[str, str]] = []  # temporary name, target
        self._folders: list[str] = []
        self._in_place: list[tuple[str, list[tuple[str, str]]]] = []  # target, (old part, where it waits)
        self._writers: list[RasterWriter] = []

    def __enter__(self) -> OutputFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()

    def folder(self, path: str) -> str:
        """Make a folder for outputs; a new folder is removed again if the run fails."""
        missing, parent = [], os.path.abspath(path)
        while not os.path.exists(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"Folder '{path}' for outputs cannot be made ({error.strerror}): choose another place."
            ) from None
        self._folders += missing
        return path

    def in_place(self, path: str, *, copy: bool = False) -> None:
        """Note a file that another writer makes at its final place; a failure puts the old one back.

        ``copy``: the writer adds to the file that is there (a table in a GeoPackage).
        """
        kept: list[tuple[str, str]] = []
        self._in_place.append((path, kept))
        try:
            for suffix in _DATABASE_PARTS:
                old = path + suffix
                if os.path.isfile(old):
                    aside = _aside(old)
                    shutil.copy2(old, aside) if copy else os.replace(old, aside)
                    kept.append((old, aside))
        except OSError as error:
            raise _not_replaced(path, error) from None

    def temporary(self, path: str) -> str:
        """A name beside ``path`` to write to; it takes the place of ``path`` at the end."""
        require_writable(path)
        folder, name = os.path.split(os.path.abspath(path))
        target = os.path.join(folder, name)
        if any(target == other for _, other in self._pending):
            raise InputError(f"Two outputs go to the same file '{path}': give each its own name.")
        stem, extension = os.path.splitext(name)
        partial = os.path.join(folder, f".{stem}.partial{extension}")
        self._pending.append((partial, target))
        return partial

    def raster(self, grid: Grid, path: str, progress: Progress = SILENT) -> str:
        """Add a GeoTIFF: compressed, tiled, with overviews above four million cells."""
        progress.check()
        declare_nan = grid.nodata is None and np.issubdtype(grid.values.dtype, np.floating)
        writer = self.raster_windows(
            grid.template, path, dtype=stored_dtype(grid.values), nodata=math.nan if declare_nan else grid.nodata
        )
        for window in windows(grid.template):
            progress.check()
            writer.write(window, grid.values[window.slices])
        writer.finish(progress)
        if grid.categories:
            self.text(_category_names(grid.categories), path + ".aux.xml")
        return path

    def raster_windows(
        self, template: Template, path: str, *, dtype: DTypeLike = np.float32, nodata: float | None = math.nan
    ) -> RasterWriter:
        """Add a GeoTIFF like that of `raster`, to be written window by window: a `RasterWriter`."""
        writer = RasterWriter(self.temporary(path), template, target=path, dtype=np.dtype(dtype), nodata=nodata)
        self._writers.append(writer)
        return writer

    def text(self, content: str, path: str) -> str:
        """Add a text file in UTF-8."""
        partial = self.temporary(path)
        try:
            with open(partial, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(content)
        except OSError as error:
            raise InputError(
                f"Output '{path}' could not be written ({error.strerror}): check the free "
                f"space and the rights of its folder."
            ) from None
        return path

    def commit(self) -> None:
        """Put every file in its place.

        Raises
        ------
        InputError
            One cannot be replaced; the old files are back, and nothing of the run is kept.
        """
        aside: list[tuple[str, str]] = []
        done: list[str] = []
        try:
            for partial, path in self._pending:
                # GDAL would read the old file's sidecar files as those of the new one
                for old in (path, *(path + suffix for suffix in _SIDE_CARS)):
                    if os.path.isfile(old) or os.path.islink(old):  # a folder is never moved
                        aside.append((old, _aside(old)))
                        os.replace(*aside[-1])
                os.replace(partial, path)
                done.append(path)
        except OSError as error:
            with contextlib.suppress(OSError):  # the first error is the one to report
                for new in done:
                    os.remove(new)
                for old, kept in aside:
                    if os.path.lexists(kept):
                        os.replace(kept, old)
            self.discard()
            raise _not_replaced(path, error) from None
        for _, kept in aside + [pair for _, pairs in self._in_place for pair in pairs]:
            with contextlib.suppress(OSError):
                os.remove(kept)
        self._forget()

    def discard(self) -> None:
        """Remove the files that were written, and restore the old files."""
        for writer in self._writers:
            writer.close()
        for partial, _ in self._pending:
            if os.path.exists(partial):
                os.remove(partial)
        for path, kept in reversed(self._in_place):
            for suffix in _DATABASE_PARTS:
                if os.path.isfile(path + suffix):
                    os.remove(path + suffix)
            for old, aside in kept:
                os.replace(aside, old)
        for folder in self._folders:
            with contextlib.suppress(OSError):  # somebody else put something there
                os.rmdir(folder)
        self._forget()


def _not_replaced(path: str, error: OSError) -> InputError:
    return InputError(
        f"Output '{path}' could not be replaced ({error.strerror}): close the "
        f"program that holds it open, or choose another name."
    )


def _category_names(categories: Sequence[str]) -> str:
    """The names of a band's categories as GDAL's sidecar file; a GeoTIFF itself cannot hold them."""
    names = "".join(f"<Category>{html.escape(name)}</Category>" for name in categories)
    return f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames></PAMRasterBand></PAMDataset>\n'


def _aside(path: str) -> str:
    """A free name in the same folder, under which the old file is kept until the new one is in place."""
    name, number = path + ".replaced", 1
    while os.path.lexists(name):
        number += 1
        name = f"{path}.replaced{number}"
    return name


def require_writable(path: str) -> None:
    """Refuse an output file whose folder is missing or not writable, or whose name is that of a folder.

    Raises
    ------
    InputError
    """
    if not os.path.basename(path):
        raise InputError(f"Output '{path}' is not a file name: choose one.")
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise InputError(
            f"Folder '{folder}' for the output '{name}' does not exist: create it or choose another place."
        )
    if not os.access(folder, os.W_OK):
        raise InputError(f"Folder '{folder}' for the output '{name}' cannot be written to: choose another place.")
    if os.path.isdir(path):
        raise InputError(f"Output '{path}' is a folder: give the file a name of its own.")
