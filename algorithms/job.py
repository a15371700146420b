"""One run of an algorithm: its parameters as core's types, and its outputs."""

from __future__ import annotations

from .job_inputs import JobInputs
from .job_outputs import JobOutputs


class Job(JobInputs, JobOutputs):
    """What a step is given to work with."""
