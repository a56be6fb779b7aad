"""Earlier exercises can be imported, later ones cannot."""

import pytest

from grader.source.importer import ExerciseFinder


def test_the_importer_restores_what_was_there():
    import sys

    finder = ExerciseFinder({"ex01_a": ("a.py", b"x = 1")}, "ex02_b")
    with finder.active():
        from exercises.ex01_a import x  # type: ignore[import-not-found]

        assert x == 1
        with pytest.raises(ModuleNotFoundError, match="ex02_b comes before ex03_c"):
            import exercises.ex03_c  # type: ignore[import-not-found]  # noqa: F401
    assert "exercises.ex01_a" not in sys.modules
