"""The learner's loop in a real terminal, on a copy of the kit."""

import pytest

from tests.grader.kits import copy_kit

pexpect = pytest.importorskip("pexpect")
from tests.grader.terminal import Terminal  # noqa: E402

pytestmark = pytest.mark.xdist_group("watch")


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return copy_kit(tmp_path_factory.mktemp("watch") / "kit", only={6, 7})


def test_a_save_gets_a_verdict_a_hint_and_a_way_forward(kit):
    file = kit / "exercises" / "ex06_self_attention.py"
    solution = (kit / "solutions" / file.name).read_text()
    terminal = Terminal(kit, "-m", "grader", "watch", "6", "--seed", "4127", rows=120)
    terminal.shows("Nothing is written yet;", "h hint", "q quit")
    file.write_text(solution.replace("scores / math.sqrt(d_k)", "scores"))
    terminal.shows("FAIL      scores worked by hand", "not divided by sqrt(d_k)", "d debug")
    terminal.press("h", "hint 1 of 3", "one more: h")
    terminal.press("h", "It comes now as well")
    terminal.press("h", "hint 2 of 3")
    file.write_text(solution)
    terminal.shows("ex06_self_attention passes: all", "n next")
    terminal.press("n", "Exercise 2 of 2", "checks wait")
    terminal.press("l", "pass       ex06_self_attention")
    terminal.press("q")
    assert terminal.ends() == 0
