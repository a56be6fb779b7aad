"""A pool loses no submission, whatever its grader processes do."""

import json
import os
from concurrent.futures import wait

import pytest

from grader.errors import GraderError, UsageError
from grader.grading.pool import Pool
from grader.grading.process import GradingSettings, Task
from grader.limits import Limits
from grader.system import can_fork
from tests.grader.support import grader_processes


@pytest.fixture
def pool():
    """A pool of two grader processes of one kind; ended after the test."""
    made = []

    def make(life, device="cpu", patience=60.0):
        made.append(Pool(GradingSettings(1, device, Limits(), False), 2, life=life, patience=patience))
        return made[-1]

    yield make
    for one in made:
        one.close()


def tasks(*sources):
    return [Task(f"student {number}", source, "") for number, source in enumerate(sources)]


def answers(pool, given):
    """id -> the record, or the sentence that says why there is none."""
    return {task.id: json.loads(record) if record else how for task, record, how in pool.run(given)}


def test_every_task_has_one_answer_and_both_processes_work(pool):
    pool = pool(grader_processes.honest)
    assert pool.greeting() == grader_processes.GREETING
    found = answers(pool, tasks(*["fine"] * 12))
    assert {name: record["id"] for name, record in found.items()} == {f"student {n}": f"student {n}" for n in range(12)}


@pytest.mark.skipif(not can_fork(), reason="a fork is not sound here")
def test_several_are_forked_from_one_that_has_imported_torch(pool):
    found = answers(pool(grader_processes.honest), tasks(*["fine"] * 12))
    (parent,) = {record["parent"] for record in found.values()}
    assert parent != os.getpid()


def test_a_judge_that_dies_once_costs_nothing(pool, tmp_path):
    found = answers(pool(grader_processes.honest), tasks("fine", f"once {tmp_path / 'flag'}", "fine"))
    assert all(isinstance(record, dict) for record in found.values())
    assert len(found) == 3


def test_a_submission_that_judges_die_of_is_given_up_and_no_other(pool):
    found = answers(pool(grader_processes.honest), tasks("fine", "deadly", "fine", "fine"))
    assert found["student 1"] == "its grading process ended with status 7 (2 attempts)"
    assert sum(isinstance(record, dict) for record in found.values()) == 3


def test_a_judge_that_is_stuck_is_ended(pool):
    found = answers(pool(grader_processes.honest, patience=4.0), tasks("endless", "fine"))
    assert found["student 0"] == "its grading process was stuck (2 attempts)"
    assert isinstance(found["student 1"], dict)


def test_processes_that_never_start_are_an_error_of_ours(pool):
    with pytest.raises(GraderError, match="no grader process could be started"):
        pool(grader_processes.stillborn).greeting()


def test_processes_that_start_no_more_lose_no_row(pool, tmp_path):
    found = answers(pool(grader_processes.short_lived, device=str(tmp_path / "flag")), tasks("a", "b", "c"))
    assert len(found) == 3
    assert all(isinstance(how, str) for how in found.values())


@pytest.mark.parametrize(
    ("life", "error"), [(grader_processes.unable, UsageError), (grader_processes.broken, GraderError)]
)
def test_what_a_grader_process_cannot_do_is_said(pool, life, error):
    with pytest.raises(error, match=r"no such device|has no checks"):
        pool(life).greeting()


def test_a_closed_pool_leaves_no_process(pool):
    pool = pool(grader_processes.honest)
    pool.start(2)
    wait(pool._starts)
    processes = [one.process for one in pool._processes]
    pool.close()
    assert len(processes) == 2
    assert not any(process.is_alive() for process in processes)
