"""A job that crashes, hangs or takes all memory costs its own result, never the run."""

import os
import signal
import sys
import time

import cv2
import numpy as np
import pytest
import torch

from deepbench.core import processes

WORKERS = processes.Workers(2, 60.0)


def double(number):
    time.sleep(0.05 * (number % 3))  # results come out of order
    return 2 * number


def misbehave(how):
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        os._exit(3)
    if how == "hang":
        time.sleep(600)
    if how == "hoard":
        return len(bytearray(3 * 2**30))
    if how == "hoard in torch":
        return len(torch.zeros(3 * 2**30, dtype=torch.uint8))
    if how == "hoard in OpenCV":
        return len(cv2.integral(np.zeros((20_000, 20_000), np.uint8), sdepth=cv2.CV_64F))
    if how == "bug":
        raise KeyError(how)
    return how


def test_results_come_in_the_order_of_the_jobs():
    jobs = [(f"job {i}", i) for i in range(12)]
    assert list(processes.in_order(double, jobs, WORKERS)) == [
        (f"job {i}", 2 * i) for i in range(12)
    ]


def test_few_jobs_are_in_hand():
    begun = []

    def jobs():
        for i in range(10):
            begun.append(i)
            yield i, i

    for done, (key, _) in enumerate(processes.in_order(double, jobs(), WORKERS)):
        assert key == done
        assert len(begun) <= done + processes.IN_HAND * WORKERS.processes


@pytest.mark.skipif(sys.platform != "linux", reason="signals and limits differ elsewhere")
def test_a_job_that_takes_its_process_down_is_a_failure_with_a_reason():
    hoards = ("hoard", "hoard in torch", "hoard in OpenCV")
    jobs = [(how, how) for how in ("fine", "crash", "hang", "exit", *hoards, "last")]
    workers = processes.Workers(2, 8.0, ("cv2", "torch"))
    found = dict(processes.in_order(misbehave, jobs, workers))
    assert found == {
        "fine": "fine",
        "crash": processes.Failure("the process that read it crashed (signal 11)"),
        "hang": processes.Failure("took longer than 8 s"),
        "exit": processes.Failure("the process that read it crashed (exit code 3)"),
        **dict.fromkeys(hoards, processes.Failure("needs more than 2 GB of memory")),
        "last": "last",
    }


def test_a_fault_of_the_code_is_raised():
    with pytest.raises(KeyError, match="bug"):
        list(processes.in_order(misbehave, [(1, "bug"), (2, "fine")], WORKERS))


def test_no_process_is_started_for_nothing(monkeypatch):
    monkeypatch.setattr(processes.ProcessPool, "schedule", lambda *_: pytest.fail("started"))
    assert list(processes.in_order(double, [], WORKERS)) == []


def test_processes_fit_the_machine_and_the_stages_beside(monkeypatch):
    assert processes.count(3) == 3
    monkeypatch.setattr(processes.os, "sched_getaffinity", lambda _: range(8), raising=False)
    monkeypatch.setattr(processes.os, "cpu_count", lambda: 8)
    monkeypatch.delenv(processes.JOBS, raising=False)
    assert processes.count("auto") == 8
    monkeypatch.setenv(processes.JOBS, "3")
    assert processes.count("auto") == 2
    monkeypatch.setenv(processes.JOBS, "9")
    assert processes.count("auto") == 1
