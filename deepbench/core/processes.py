"""Work that may crash, hang or take all memory, in processes of its own: it costs its own result.

Processes are started fresh or from a server that holds the heavy libraries, never forked from this
one, so that they work in a notebook's kernel and on every system.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from pebble import ProcessExpired, ProcessPool

JOBS = "DEEPBENCH_JOBS"  # how many stages run side by side
MEMORY = 2 * 2**30  # bytes of data that one process may hold; Linux keeps to it, others may not
# jobs per process whose results wait for their turn: fewer, and it would idle; more, and a run
# that is killed would lose more
IN_HAND = 2

# how libraries in C say that they got no memory: torch, OpenCV, FFmpeg and C++ itself
NO_MEMORY = ("not enough memory", "Insufficient memory", "Cannot allocate memory", "bad_alloc")

Key = TypeVar("Key")
Job = TypeVar("Job")
Made = TypeVar("Made")


class Workers(NamedTuple):
    """Processes, and what they may take."""

    processes: int
    seconds: float  # for one job
    preload: tuple[str, ...] = ()  # modules that are slow to import


class Failure(NamedTuple):
    """Why a job has no result."""

    reason: str


def count(wanted: Literal["auto"] | int) -> int:
    """Processes for one stage: as wanted, or its share of the CPUs that this process may use."""
    if wanted != "auto":
        return wanted
    if sys.platform == "linux":
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    return max(1, cpus // int(os.environ.get(JOBS, "1")))


def in_order(
    work: Callable[[Job], Made], jobs: Iterable[tuple[Key, Job]], workers: Workers
) -> Iterator[tuple[Key, Made | Failure]]:
    """What `work` makes of each job, with the job's key, in the order of the jobs.

    `work` is a function of a module, which the processes import. An exception that it raises is
    raised here; a crash, a time or a memory limit becomes a `Failure`.
    """
    method = "forkserver" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        multiprocessing.set_forkserver_preload(["deepbench.core.processes", *workers.preload])
    told = partial(_telling, work)
    pool = ProcessPool(workers.processes, initializer=_limit, context=context)
    begun: deque[tuple[Key, Future[Made]]] = deque()
    try:
        for key, job in jobs:
            begun.append((key, pool.schedule(told, (job,), timeout=workers.seconds)))
            if len(begun) == IN_HAND * workers.processes:
                first, future = begun.popleft()
                outcome = _taken(future, workers.seconds)
                yield first, outcome
        while begun:
            first, future = begun.popleft()
            outcome = _taken(future, workers.seconds)
            yield first, outcome
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _taken(future: "Future[Made]", seconds: float) -> Made | Failure:
    try:
        return future.result()
    except TimeoutError:
        return Failure(f"took longer than {seconds:g} s")
    except ProcessExpired as error:
        code = error.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Failure(f"the process that read it crashed ({how})")
    except MemoryError:
        return Failure(f"needs more than {MEMORY // 2**30} GB of memory")


def _telling(work: Callable[[Job], Made], job: Job) -> Made:
    """What `work` makes, with one exception for lack of memory, whoever says so."""
    try:
        return work(job)
    except Exception as error:
        if not isinstance(error, MemoryError) and any(said in str(error) for said in NO_MEMORY):
            raise MemoryError(str(error)) from None
        raise


def _limit() -> None:
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
