"""One node of a cluster: a process of its own that grades batches of tasks with a pool, told by lines of JSON.

A Dask worker starts it, `python -m grader.grading.node`, and writes to its standard input: first how to grade, then one
batch a line. No thread of Dask's ever runs beside a student's code, and no object of a student's is unpickled. It ends
when its standard input does, so with the worker, however that ends.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from dataclasses import asdict
from typing import Any

from grader.errors import GraderError, UsageError
from grader.grading.conditions import header_of, settings_of
from grader.grading.pool import Pool
from grader.grading.process import Task
from grader.kit.discovery import Kit
from grader.source.file import File


def task_as_json(task: Task) -> dict[str, Any]:
    """A task as plain values; the bytes of files in base64."""
    files = {slug: _file_as_json(file) for slug, file in task.files.items()}
    return {**asdict(task), "files": files, "problems": list(task.problems)}


def _file_as_json(file: File) -> dict[str, Any]:
    return {**asdict(file), "path": None, "text": base64.b64encode(file.text).decode()}


def task_from_json(data: dict[str, Any]) -> Task:
    files = {slug: File(**{**one, "text": base64.b64decode(one["text"])}) for slug, one in data["files"].items()}
    return Task(**{**data, "files": files, "problems": tuple(data["problems"])})


def main() -> None:
    """Answers one line with one line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed here is no answer
    how = json.loads(sys.stdin.readline())
    pool = Pool(settings_of(how["seed"], how["options"], how["require"]), how["jobs"])
    try:
        _answer(answers, _greeting(pool, how))
        for line in sys.stdin:
            tasks = [task_from_json(one) for one in json.loads(line)]
            found = [[task.id, record.decode() if record else None, why] for task, record, why in pool.run(tasks)]
            _answer(answers, found)
    except UsageError as error:
        _answer(answers, {"usage": str(error)})
    except GraderError as error:
        _answer(answers, {"broken": str(error)})
    finally:
        pool.close()


def _greeting(pool: Pool, how: dict[str, Any]) -> dict[str, Any]:
    """What the pool says, and what decides whether its results count."""
    pool.start(how["jobs"])
    greeting = pool.greeting()
    return {"greeting": greeting, "header": header_of(Kit(), how["seed"], how["options"], greeting["devices"])}


def _answer(where: Any, what: Any) -> None:
    where.write(json.dumps(what) + "\n")
    where.flush()


if __name__ == "__main__":
    main()
