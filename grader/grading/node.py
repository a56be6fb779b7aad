"""One node of a cluster: a process of its own that grades batches of tasks, told by lines of JSON.

A Dask worker starts it, `python -m grader.grading.node`, and writes to its standard input: first how to grade, then one
batch a line. No thread of Dask's ever runs beside a student's code, and no object of a student's is unpickled. It ends
when its standard input does, so with the worker, however that ends.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from grader.errors import GraderError, UsageError
from grader.grading.conditions import header_of, settings_of
from grader.grading.pool import Pool
from grader.kit.discovery import Kit


def main() -> None:
    """Answers one line with one line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed here is no answer
    how = json.loads(sys.stdin.readline())
    pool = Pool(settings_of(how["seed"], how["options"], how["require"]), 1)
    try:
        _answer(answers, _greeting(pool, how))
        for line in sys.stdin:
            _answer(answers, json.loads(pool.grade_batch(line.encode())))
    except UsageError as error:
        _answer(answers, {"usage": str(error)})
    except GraderError as error:
        _answer(answers, {"broken": str(error)})
    finally:
        pool.close()


def _greeting(pool: Pool, how: dict[str, Any]) -> dict[str, Any]:
    """What the pool says, and what decides whether its results count."""
    greeting = pool.greeting()
    return {"greeting": greeting, "header": header_of(Kit(), how["seed"], how["options"], greeting["devices"])}


def _answer(where: Any, what: Any) -> None:
    where.write(json.dumps(what) + "\n")
    where.flush()


if __name__ == "__main__":
    main()
