"""One run of an algorithm: its parameters as core's types, and its outputs."""

from __future__ import annotations

from .job_inputs import JobInputs
from .job_outputs import JobOutputs
from .old_job import OldInputs


class Job(OldInputs, JobInputs, JobOutputs):
    """What a step is given to work with."""
