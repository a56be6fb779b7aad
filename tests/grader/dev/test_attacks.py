"""Submissions that attack, at three levels of isolation: nothing is earned, harmed or left behind.

The attacks are those of `grader grade --red-team`, in grader/dev/attacks/.
"""

import ast
import contextlib
import functools
import importlib
import re
from contextlib import ExitStack
from importlib.util import find_spec

import pytest
from click.testing import CliRunner

from grader.__main__ import main
from grader.dev import red_team
from grader.kit.discovery import Kit
from grader.launch import payload
from grader.launch.launcher import launcher

LEVELS = {
    "all layers": (),
    "no namespaces": ("namespaces", "scratch"),
    "limits alone": ("cgroup", "namespaces", "scratch", "landlock", "seccomp", "user"),
}
each_exercise = pytest.mark.parametrize("exercise", Kit().exercises, ids=lambda exercise: exercise.slug)
ATTACKS = {attack.name: attack for attack in red_team.attacks()}
TRIED = [
    (level, attack.name)
    for level in LEVELS
    for attack in ATTACKS.values()
    if level == "all layers" or attack.needs is not None  # where no layer has a part in it, once is enough
]


@pytest.fixture(scope="module")
def range_of(kit):
    """A place to attack at a level of isolation, and what honest code earned there before; each is made once."""
    with ExitStack() as stack:

        @functools.cache
        def build(level):
            workers = launcher(without=LEVELS[level])
            stack.callback(workers.close)
            if workers.name != "fork server":
                pytest.skip("no fork server on this platform")
            # An attack that ends what starts workers costs a second in each check.
            place = red_team.Target(kit, kit.find(["6"])[0], workers, every=6 if LEVELS[level] else 3)
            stack.callback(place.close)
            return place, place.honest()

        yield build


@pytest.mark.parametrize(("level", "name"), TRIED)
def test_an_attack_earns_nothing_harms_nothing_and_leaves_nothing(range_of, level, name):
    place, _ = range_of(level)
    found = place.attacked(ATTACKS[name])
    assert found.open or found.harm == ()


MODULE = re.compile(r"grader(\.\w+)+")
PATCHES = re.compile(r"^# patches: (.+)$", re.M)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=lambda attack: attack.name)
def test_what_an_attack_names_of_the_grader_exists(attack):
    """A rename would leave it attacking nothing, and green."""
    texts = {node.value for node in ast.walk(ast.parse(attack.text)) if isinstance(node, ast.Constant)}
    for name in texts:
        if isinstance(name, str) and MODULE.fullmatch(name) and not name.startswith("grader.course."):
            assert find_spec(name) is not None, name
    named = set(" ".join(PATCHES.findall(attack.text)).split())
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert module in payload.modules(), f"no worker carries {module}"
        assert hasattr(importlib.import_module(module), attribute), name
        assert attribute in texts, f"the attack never looks for {attribute}"


def test_an_attack_on_objects_of_the_grader_says_which():
    for attack in ATTACKS.values():
        if "gc.get_objects" in attack.text and "__name__ ==" in attack.text:
            assert PATCHES.search(attack.text), attack.name


@pytest.mark.parametrize("level", LEVELS)
def test_honest_code_earns_the_same_after_all_of_them(range_of, level):
    place, before = range_of(level)
    assert before.score == 10
    assert red_team.points(place.honest()) == red_team.points(before)


@each_exercise
def test_no_worker_holds_anything_by_the_name_of_a_reference(kit, exercise, workers):
    with contextlib.closing(red_team.Target(kit, exercise, workers)) as place:
        assert place.attacked(ATTACKS["secrets_in_memory"]).harm == ()


def test_every_attack_says_what_it_tries():
    for attack in ATTACKS.values():
        assert attack.tries.endswith("."), attack.name


def test_the_layers_are_what_refuses_the_attacks(range_of):
    wanted = {"solutions_read", "canary_mode_changed", "network_reached", "powers_taken", "canary_rewritten"}
    place, _ = range_of("limits alone")
    found = [place.attacked(attack) for attack in ATTACKS.values() if attack.name in wanted]
    assert {one.attack.name for one in found if one.harm and one.open} == wanted


@pytest.fixture
def warm(monkeypatch, workers):
    """The command uses the workers that are there."""
    monkeypatch.setattr(workers, "close", lambda: None)
    monkeypatch.setattr(red_team, "launcher", lambda *limits, **options: workers)


def test_the_command_attacks_and_says_what_was_refused(monkeypatch, warm):
    few = [ATTACKS[name] for name in ("exit_at_load", "comparisons_patched")]
    monkeypatch.setattr(red_team, "attacks", lambda: few)
    result = CliRunner().invoke(main, ["grade", "--red-team", "6"])
    assert result.exit_code == 0, result.output
    assert "refused exit_at_load" in " ".join(result.output.split())
    assert "every attack was refused" in result.output


def test_the_command_fails_where_an_attack_gets_in(monkeypatch, warm):
    found = red_team.Attack("x", "Prints a breach.", "everywhere(lambda *a: breach('it works'))", None)
    monkeypatch.setattr(red_team, "attacks", lambda: [found])
    result = CliRunner().invoke(main, ["grade", "--red-team", "6"])
    assert result.exit_code == 1
    assert "it works" in result.output


def test_the_command_wants_an_exercise_that_there_is():
    assert CliRunner().invoke(main, ["grade", "--red-team", "99"]).exit_code == 2
