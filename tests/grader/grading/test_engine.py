"""What hands a class to an executor and takes its records, with an executor that runs nothing of the kit."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.errors import GraderError, UsageError
from grader.grading.process import Task
from tests.grader.support.engines import TwoWorkers


class Asked(TwoWorkers):
    """Answers in threads, and notes what each task of its executor held."""

    def __init__(self, answer=None, batch=8):
        self.batches = []
        super().__init__(ThreadPoolExecutor(2), answer or self.answer, batch, ahead=2)

    def answer(self, data):
        ids = [one["id"] for one in json.loads(data)]
        self.batches.append(ids)
        if "poison" in ids:
            raise OSError("the worker is gone")
        return json.dumps([[name, f"record of {name}", ""] for name in ids]).encode()


def tasks(*names):
    return [Task(name, name, "") for name in names]


def answers(engine, given):
    found = {task.id: record.decode() if record else how for task, record, how in engine.run(given)}
    engine.close()
    return found


def test_many_go_together_and_every_one_has_a_record():
    engine, names = Asked(), [f"s{number}" for number in range(100)]
    assert answers(engine, tasks(*names)) == {name: f"record of {name}" for name in names}
    assert max(map(len, engine.batches)) == 8


def test_the_last_tasks_are_small_enough_for_all_workers():
    engine = Asked()
    answers(engine, tasks(*map(str, range(8))))
    assert sorted(map(len, engine.batches)) == [2, 2, 2, 2]


def test_what_ends_its_worker_costs_nobody_else_a_result():
    names = [f"s{number}" for number in range(20)]
    found = answers(Asked(), tasks(*names, "poison"))
    assert found.pop("poison") == "nothing could grade it: OSError: the worker is gone"
    assert found == {name: f"record of {name}" for name in names}


def test_no_more_wait_in_the_executor_than_a_few_for_each_worker():
    engine, most = Asked(batch=1), 0
    submit = engine._executor.submit

    def counted(function, data):
        nonlocal most
        most = max(most, engine._executor._work_queue.qsize() + 1)
        return submit(function, data)

    engine._executor.submit = counted
    assert len(answers(engine, tasks(*map(str, range(50))))) == 50
    assert most <= 4


@pytest.mark.parametrize("error", [UsageError, GraderError])
def test_what_nothing_can_grade_ends_the_run(error):
    def refuse(data):
        raise error("no such device")

    engine = Asked(refuse)
    with pytest.raises(error, match="no such device"):
        [*engine.run(tasks("a", "b"))]
    engine.close()
