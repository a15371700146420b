"""The two exceptions that core raises on purpose, and how messages name many things.

Everything else that escapes from core is a defect of ours, not of the
planner's data.
"""


class InputError(Exception):
    """Input that cannot be used.

    The message is one sentence for a planner: which layer, table or field,
    what was found there, and how to mend it.
    """


class Cancelled(Exception):
    """The planner asked to stop; nothing of the unfinished work is kept."""

    def __init__(self, message="Cancelled: this step wrote nothing."):
        super().__init__(message)


def first_few(texts, most):
    """Texts with commas between, and how many more there are."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more
