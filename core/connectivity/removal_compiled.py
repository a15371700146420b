"""The repair of shortest-path trees (``removal``) by the compiled `removal_loops`, in threads."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Callable

import numpy as np

from ..arrays import Floats
from ..progress import SILENT, Progress
from .graph import HOPS, Graph, Links, Strength
from .removal_loops import Neighbours, Question, Turn, Work
from .removal_numpy import RemovalTask, repair_in_numpy

_TURN = 0.2  # seconds per call of a compiled loop
_PARTS = 12  # of the sources, with losses of their own: 1, 2, 3 or 4 threads share them evenly
_THREADS = 4
_SHARED_FROM = 200  # nodes from which threads pay

RepairLoop = Callable[[Neighbours, Question, Work, Turn, Floats, Floats], None]


def repair_compiled(loop: RepairLoop, task: RemovalTask, received: Floats, loss: Floats, progress: Progress) -> None:
    """Every ``_PARTS``-th source is a part with losses of its own, added up in the order of the parts.

    So results do not depend on the number of threads, up to 4, that take parts in turn. The loop runs without
    the lock of Python; only the calling thread reports progress.

    Parameters
    ----------
    loop : callable
        The compiled `repair_loop`.
    task : RemovalTask
    received, loss : float64 ndarray
        Added to; see `removal.removal`.
    progress : Progress
    """
    n, parts = task.graph.n, min(_PARTS, task.graph.n)
    threads = min(_THREADS, os.cpu_count() or 1, parts) if n >= _SHARED_FROM else 1
    own, done, stop = np.zeros((parts, loss.size)), [0] * parts, threading.Event()
    graph = Neighbours(task.graph.start, task.graph.neighbour, task.graph.length, task.graph.link)
    question = Question(task.weight, task.strength.decay, task.of_links, task.longest, task.enough)

    def work(part: int, tell: Callable[[], None]) -> None:
        scratch, sources, at, count = Work.of(task.graph), range(part, n, parts), 0, 1
        while at < len(sources) and not stop.is_set():
            turn = sources[at : at + count]
            began = time.monotonic()
            loop(graph, question, scratch, Turn(turn.start, turn.stop, parts), received, own[part])
            took = time.monotonic() - began
            at += len(turn)
            done[part] = at
            count = max(1, min(2 * count, int(count * _TURN / max(took, 1e-6))))
            tell()

    def report() -> None:
        progress(sum(done) / n)

    if threads == 1:
        for part in range(parts):
            work(part, report)
    else:
        with ThreadPoolExecutor(threads) as pool:
            pending = {pool.submit(work, part, lambda: None) for part in range(parts)}
            try:
                while pending:
                    ready, pending = wait(pending, _TURN, FIRST_COMPLETED)
                    for job in ready:
                        job.result()
                    report()
            finally:
                stop.set()
    for part_loss in own:
        loss += part_loss


def loop_agrees(loop: RepairLoop) -> bool:
    """Whether the compiled loop gives numpy's results on a small graph with equal and zero lengths."""
    rows, cols = np.divmod(np.arange(36), 6)
    apart = np.maximum(np.hypot(rows[:, None] - rows, cols[:, None] - cols) - 0.4 - (rows % 3 == cols % 3), 0)
    a, b = np.nonzero(np.triu(apart < 2.5, 1))
    weight = np.asarray(1 + np.arange(36) % 4, dtype=np.float64)
    for of_links in (False, True):
        for strength, length in ((Strength(0.7), apart[a, b]), (HOPS, np.ones(a.size))):
            task = RemovalTask(Graph.of(Links(36, a, b, length)), weight, strength, of_links)
            results = []
            for compiled in (True, False):
                received, loss = np.zeros(36), np.zeros(a.size if of_links else 36)
                if compiled:
                    repair_compiled(loop, task, received, loss, SILENT)
                else:
                    repair_in_numpy(task, received, loss, SILENT)
                results.append(np.concatenate((received, loss)))
            if not np.allclose(results[0], results[1], rtol=1e-12, atol=1e-12):
                return False
    return True
