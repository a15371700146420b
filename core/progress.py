"""Progress, messages and cancelling of long computations."""

from __future__ import annotations

import time
from typing import Callable

from .errors import Cancelled

_BETWEEN_REPORTS_S = 0.1


class Progress:
    """Reports a fraction done, forwards messages and honours cancel.

    Call the object with a fraction inside loops; it raises :class:`~.errors.Cancelled` when a stop was asked for.

    Parameters
    ----------
    report : callable, optional
        Called with a fraction from 0 to 1.
    cancelled : callable, optional
        Returns True once the planner wants to stop.
    log, warn : callable, optional
        Called with one sentence; ``warn`` falls back on ``log``.
    """

    def __init__(
        self,
        report: Callable[[float], object] | None = None,
        cancelled: Callable[[], bool] | None = None,
        log: Callable[[str], object] | None = None,
        warn: Callable[[str], object] | None = None,
    ) -> None:
        self._report = report
        self._cancelled = cancelled
        self._log = log
        self._warn = warn or log

    def __call__(self, fraction: float) -> None:
        """Report the fraction done; raise Cancelled when a stop was asked for."""
        self.check()
        if self._report is not None:
            self._report(min(1.0, max(0.0, float(fraction))))

    def check(self) -> None:
        """Raise Cancelled when a stop was asked for; report nothing."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled()

    def log(self, message: str) -> None:
        """Log a fact: a choice that was made, a layer that was reprojected."""
        if self._log is not None:
            self._log(message)

    def warn(self, message: str) -> None:
        """Warn of something the planner should look at."""
        if self._warn is not None:
            self._warn(message)

    def part(self, start: float, end: float) -> Progress:
        """A Progress whose 0 to 1 is ``start`` to ``end`` of this one."""
        whole = self._report
        if whole is None:
            return Progress(None, self._cancelled, self._log, self._warn)

        def report(fraction: float) -> None:
            whole(start + (end - start) * fraction)

        return Progress(report, self._cancelled, self._log, self._warn)

    def quiet(self) -> Progress:
        """A copy without messages, for work whose messages were already logged."""
        return Progress(self._report, self._cancelled)

    def recording(self, warnings: list[str]) -> Progress:
        """A copy that also appends each warning to a list."""

        def warn(message: str) -> None:
            warnings.append(message)
            self.warn(message)

        return Progress(self._report, self._cancelled, self._log, warn)


class Throttled:
    """Reports progress at most ten times a second, so that tight loops may call it at every step.

    Parameters
    ----------
    progress : Progress
    start, end : float
        The share of the progress that the work takes.
    """

    def __init__(self, progress: Progress, *, start: float = 0.0, end: float = 1.0) -> None:
        self._progress, self._start, self._share = progress, start, end - start
        self._next = 0.0

    def __call__(self, fraction: float) -> None:
        """Take the fraction of the work that is done, which may pass 1."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _BETWEEN_REPORTS_S
            self._progress(self._start + self._share * min(1.0, fraction))


SILENT = Progress()
