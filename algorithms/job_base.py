"""What inputs and outputs of one run share: the step, the planner's values, progress and messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..core.progress import Progress

if TYPE_CHECKING:
    from .base import EcoNetAlgorithm


class JobBase:
    """One run of a step.

    Parameters
    ----------
    algorithm : EcoNetAlgorithm
    parameters : mapping
        Values by key, as QGIS gives them.
    context : QgsProcessingContext
    feedback : QgsProcessingFeedback, optional
        None in a dialog's check: nothing is reported.

    Attributes
    ----------
    progress : Progress
    warnings, log_lines : list of str
        What was said so far.
    """

    def __init__(
        self, algorithm: EcoNetAlgorithm[Any], parameters: Mapping[str, Any], context: Any, feedback: Any
    ) -> None:
        self._algorithm = algorithm
        self._parameters = parameters
        self._context = context
        self._feedback = feedback
        self.warnings: list[str] = []
        self.log_lines: list[str] = []
        self.progress = (
            Progress()
            if feedback is None
            else Progress(
                lambda fraction: feedback.setProgress(100 * fraction), feedback.isCanceled, self._log, self._warn
            )
        )

    def _log(self, text: str) -> None:
        self.log_lines.append(text)
        self._feedback.pushInfo(text)

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        self._feedback.pushWarning(text)

    def label(self, key: str) -> str:
        """What the dialog calls a parameter."""
        return str(self._definition(key).description())

    def given(self, key: str) -> bool:
        """Whether the planner gave a value for an optional parameter."""
        return self._parameters.get(key) not in (None, "", [])

    def _definition(self, key: str) -> Any:
        return self._algorithm.parameterDefinition(key)
