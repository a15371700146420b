"""core.progress: fractions, parts, messages, cancel."""

import pytest

from econet.core.errors import Cancelled
from econet.core.progress import SILENT, Progress


def test_fractions_are_held_between_0_and_1():
    seen = []
    progress = Progress(seen.append)
    for fraction in (-1, 0.25, 7):
        progress(fraction)
    assert seen == [0, 0.25, 1]


def test_parts_of_parts_fill_their_share():
    seen = []
    part = Progress(seen.append).part(0.5, 1).part(0, 0.5)
    for fraction in (0, 0.5, 1):
        part(fraction)
    assert seen == pytest.approx([0.5, 0.625, 0.75])


def test_cancel_is_heard_by_call_check_and_part_and_nothing_is_reported():
    seen, stop = [], []
    progress = Progress(seen.append, lambda: bool(stop))
    progress(0.1)
    stop.append(True)
    for act in (progress, lambda _: progress.check(), progress.part(0, 1)):
        with pytest.raises(Cancelled):
            act(0.2)
    assert seen == [0.1]


def test_messages_and_warnings():
    said, warned = [], []
    Progress(log=said.append).warn("a")
    both = Progress(log=said.append, warn=warned.append).part(0.1, 0.2)
    both.log("b")
    both.warn("c")
    assert (said, warned) == (["a", "b"], ["c"])


def test_silent_does_nothing():
    SILENT(0.5)
    SILENT.log("x")
    SILENT.warn("x")
    SILENT.part(0, 1)(1)
