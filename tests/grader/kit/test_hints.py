"""Hints: read, climbed rung by rung, offered when someone is stuck."""

from grader.kit import hints
from grader.kit.hints import Streak


def test_hints_are_read_by_the_title_of_their_check(tmp_path):
    file = tmp_path / "hints.md"
    file.write_text("# Hints\n\n## rows sum to one\n\n1. Which\n   axis?\n2. Two.\n3. Three.\n", encoding="utf-8")
    ladders = hints.read(file)
    assert ladders == {"rows sum to one": ["Which axis?", "Two.", "Three."]}
    assert hints.of_check(ladders, "rows sum to one (float32)") == ["Which axis?", "Two.", "Three."]
    assert hints.of_check(ladders, "something else") == []
    assert hints.read(tmp_path / "none.md") == {}


def test_the_next_rung_asks_for_a_save_first_and_comes_when_asked_again():
    memory = {}
    said = [hints.climb(memory, 3, file) for file in ("a", "a", "a", "b", "b", "b", "b")]
    assert said == [1, None, 2, 3, 3, 3, 3]


def test_a_save_brings_the_next_rung_at_once():
    memory = {}
    assert [hints.climb(memory, 3, file) for file in ("a", "b", "b", "c")] == [1, 2, None, 3]


def test_the_middle_rung_names_a_mistake_that_was_recognised():
    rungs = ["One.", "Two.", "Three."]
    assert hints.worded(rungs, 2, "It is not scaled.").endswith("It is not scaled. Two.")
    assert hints.worded(rungs, 2, None) == "hint 2 of 3: Two."
    assert "scaled" not in hints.worded(rungs, 1, "It is not scaled.") + hints.worded(rungs, 3, "It is not scaled.")


def test_a_streak_counts_texts_that_fail_on_the_same_check():
    streak = Streak()
    lengths = []
    for title, text in [("a", b"1"), ("a", b"2"), ("a", b"2"), ("a", b"3"), ("b", b"4"), (None, b"5"), ("b", b"6")]:
        streak.note(title, text)
        lengths.append(streak.length)
    assert lengths == [1, 2, 2, 3, 1, 0, 1]
