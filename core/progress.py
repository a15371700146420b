"""How long work tells the outside where it stands, and hears that it must stop."""

from .errors import Cancelled


class Progress:
    """Reports a fraction done, forwards messages and honours cancel.

    Parameters
    ----------
    report : callable, optional
        Called with a fraction from 0 to 1.
    cancelled : callable, optional
        Returns True once the planner wants to stop.
    log, warn : callable, optional
        Called with one sentence; ``warn`` falls back on ``log``.

    Call the object with a fraction inside loops; it raises
    :class:`~.errors.Cancelled` when a stop was asked for.
    """

    def __init__(self, report=None, cancelled=None, log=None, warn=None):
        self._report = report
        self._cancelled = cancelled
        self._log = log
        self._warn = warn or log

    def __call__(self, fraction):
        self.check()
        if self._report is not None:
            self._report(min(1.0, max(0.0, float(fraction))))

    def check(self):
        """Raise Cancelled when a stop was asked for; report nothing."""
        if self._cancelled is not None and self._cancelled():
            raise Cancelled()

    def log(self, message):
        """Say a fact: a choice that was made, a layer that was reprojected."""
        if self._log is not None:
            self._log(message)

    def warn(self, message):
        """Say something the planner should look at."""
        if self._warn is not None:
            self._warn(message)

    def part(self, start, end):
        """A Progress whose 0 to 1 is ``start`` to ``end`` of this one."""
        report = None
        if self._report is not None:

            def report(fraction):
                self._report(start + (end - start) * fraction)

        return Progress(report, self._cancelled, self._log, self._warn)

    def quiet(self):
        """The same without messages, for work that has said them once already."""
        return Progress(self._report, self._cancelled)


SILENT = Progress()
