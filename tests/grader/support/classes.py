"""A class of any size, made from the references: what each student handed in, and what it should earn.

    python tests/grader/support/classes.py FOLDER COUNT [EX ...]

writes one. Every student hands in one exercise; the same COUNT and exercises make the same class.
"""

import contextlib
import io
import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.kit.discovery import Kit
from grader.kit.variants import alternatives, mistakes
from grader.source.file import File

PATCHED = """
import torch
torch.allclose = torch.equal = lambda *args, **kwargs: True
torch.testing.assert_close = lambda *args, **kwargs: None
for _name, _value in list(globals().items()):
    if callable(_value) and getattr(_value, "__module__", "") == __name__:
        globals()[_name] = lambda *args, **kwargs: True
"""
"""Agrees to every comparison, and returns nothing of use."""
ATTACKS = {
    "patches": PATCHED,
    "leaves": "\nimport os\nos._exit(0)\n",
    "raises": "\nraise SystemExit(0)\n",
    "prints": "\nprint('PASSED ' * 100_000)\nraise KeyboardInterrupt\n",
    "unreadable": "\ndef half(\n",
    "deep": "\nimport ctypes\nctypes.string_at(0)\n",
}
SHARES = {"right": 30, "alternative": 15, "mistake": 30, "stub": 10, "attack": 10, "empty": 5}
"""Of a hundred students."""


@dataclass(frozen=True)
class Student:
    """One student.

    Args:
        id: its name, which says what it is.
        exercise: the exercise handed in.
        kind: a key of SHARES.
        text: the file; None where nothing of use is handed in.
        score: what the exercise should earn; None where the checks must say, as for a known mistake.
    """

    id: str
    exercise: object
    kind: str
    text: bytes | None
    score: float | None

    @property
    def file(self):
        return None if self.text is None else File(f"{self.exercise.slug}.py", self.text)

    def write(self, folder):
        """As a folder with the file in it, or with a note."""
        place = folder / self.id
        place.mkdir(parents=True)
        if self.text is None:
            (place / "notes.md").write_text("I was ill.\n")
        else:
            (place / f"{self.exercise.slug}.py").write_bytes(self.text)


def students(count, exercises):
    """The class: kinds in the proportions of SHARES, exercises in turn, mistakes and alternatives one after another."""
    rng = random.Random(count)
    kinds = [kind for kind, share in SHARES.items() for _ in range(share)]
    made = []
    for number in range(count):
        exercise = exercises[number % len(exercises)]
        kind = rng.choice(kinds)
        made.append(_student(number, exercise, kind))
    return made


def _student(number, exercise, kind):
    right = exercise.solution.read_bytes()
    if kind == "mistake":
        known = mistakes(exercise)
        variant = known[number % len(known)]
        return Student(f"{number:04}_{variant.name}", exercise, kind, variant.source, None)
    if kind == "alternative" and alternatives(exercise):
        known = alternatives(exercise)
        variant = known[number % len(known)]
        return Student(f"{number:04}_{kind}_{variant.name}", exercise, kind, variant.source, 10.0)
    if kind == "attack":
        name = list(ATTACKS)[number % len(ATTACKS)]
        return Student(f"{number:04}_{name}", exercise, kind, right + ATTACKS[name].encode(), 0.0)
    if kind == "stub":
        return Student(f"{number:04}_stub", exercise, kind, exercise.stub.read_bytes(), 0.0)
    if kind == "empty":
        return Student(f"{number:04}_empty", exercise, kind, None, 0.0)
    return Student(f"{number:04}_right", exercise, "right", right, 10.0)


def expected(made, session):
    """id -> the score that the checks give over the local transport: of attacks, what they should earn."""
    known, scores = {}, {}
    for student in made:
        if student.score is not None:
            scores[student.id] = student.score
            continue
        key = (student.exercise.slug, student.text)
        if key not in known:
            with contextlib.redirect_stdout(io.StringIO()):
                known[key] = session.run(student.exercise, student.file).score
        scores[student.id] = known[key]
    return scores


def wrong(document, scores):
    """A line for every student that is missing from results.json, or has another score than expected."""
    found = {one["id"]: one["score"] for one in document["submissions"]}
    return [
        f"{name}: {found.get(name, 'no row')}, expected {score}"
        for name, score in scores.items()
        if found.get(name, "no row") != score
    ] + [f"{name}: not of this class" for name in found.keys() - scores.keys()]


if __name__ == "__main__":
    place, size = Path(sys.argv[1]), int(sys.argv[2])
    for student in students(size, Kit().find(sys.argv[3:])):
        student.write(place)
