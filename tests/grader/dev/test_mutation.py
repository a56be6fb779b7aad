"""Mutants of a reference: small, many, and killed; and the command can fail."""

import pytest
from click.testing import CliRunner

from grader.dev import mutation
from grader.dev.mutants import Mutant, mutants
from grader.dev.mutation import Mutation, explanations, key_of
from grader.errors import KitError

CODE = """
def f(x: Tensor, axes: int = 1) -> Tensor:  # given
    return x + 1


class Model(nn.Module):
    def scale(self, x: Tensor) -> Tensor:
        \"\"\"A docstring + 1.\"\"\"
        if x.size(-1) < 2 and x.dim() > 1:
            raise ValueError(f"{x.size(-1)} is too few")
        y: Tensor = x.detach().sum(dim=0, keepdim=True)[1:]
        return torch.where(x, y, 3.0)
"""


def changes(code=CODE):
    return {(one.before, one.after) for one in mutants(code)}


@pytest.mark.parametrize(
    "after",
    [
        "if x.size(-1) <= 2 and x.dim() > 1:",
        "if x.size(-1) < 3 and x.dim() > 1:",
        "if x.size(-1) < 2 or x.dim() > 1:",
        "if x.size(0) < 2 and x.dim() > 1:",
        "if False:",
        "raise ValueError(f' is too few')",
        "y: Tensor = x.sum(dim=0, keepdim=True)[1:]",
        "y: Tensor = x.detach().sum(dim=-2, keepdim=True)[1:]",
        "y: Tensor = x.detach().sum(dim=0, keepdim=False)[1:]",
        "y: Tensor = x.detach().sum(dim=0)[1:]",
        "y: Tensor = x.detach().sum(dim=0, keepdim=True)[0:]",
        "y: Tensor = x.detach().sum(dim=0, keepdim=True)[:]",
        "return torch.where(y, x, 3.0)",
        "return torch.where(x, y, 0.0)",
        "pass",
    ],
)
def test_small_changes_are_made(after):
    assert after in {changed for _, changed in changes()}


def test_given_code_signatures_and_texts_stay():
    assert {one.definition for one in mutants(CODE)} == {"Model.scale"}
    assert not any("docstring" in before for before, _ in changes())
    assert "A docstring + 1." in mutants(CODE)[0].source.decode()


def test_a_change_keeps_its_name_when_lines_move():
    moved = CODE.replace("class Model", "\n\nclass Model")
    assert [key_of(one) for one in mutants(moved)] == [key_of(one) for one in mutants(CODE)]
    assert len({key_of(one) for one in mutants(CODE)}) == len(mutants(CODE))


def test_checks_kill_mutants_and_a_survivor_is_found(worker_session, exercise):
    six = exercise(6)
    text = six.solution.read_text(encoding="utf-8")
    chosen = [one for one in mutants(text) if one.definition == "attention_scores"][:4]
    survivor = Mutant("attention_scores", "d_k = q.size(-1)", "d_k = q.shape[-1]", text.encode())
    ends = Mutant(
        "project_qkv", "q = x @ w_q", "exit()", text.replace("q = x @ w_q", "__import__('os')._exit(0)").encode()
    )
    score = Mutation(worker_session).run(six, [*chosen, survivor, ends])
    assert score.unexplained == [survivor]
    assert (score.total, score.share) == (6, 5 / 6)


def test_an_explanation_that_explains_nothing_is_said(worker_session, exercise, monkeypatch):
    six, old = exercise(6), ("attention_scores", "a", "b")
    known = {old: "", ("self_attention", *TWO): ""}
    monkeypatch.setattr(mutation, "explanations", lambda file: known)
    monkeypatch.setattr(mutation, "mutants", lambda text: [one for one in mutants(text) if key_of(one) in known])
    score = Mutation(worker_session).run(six)
    assert (score.outdated, len(score.explained), score.unexplained) == ([old], 1, [])


TWO = ("weights = torch.softmax(scores, dim=-1)", "weights = torch.softmax(scores, dim=2)")


def test_the_command_fails_for_a_survivor_without_a_reason(worker_session, monkeypatch):
    monkeypatch.setattr(mutation, "Session", lambda *_, **__: worker_session)
    monkeypatch.setattr(
        mutation, "mutants", lambda text: [one for one in mutants(text) if (one.before, one.after) == TWO]
    )
    explained = CliRunner().invoke(mutation.main, ["6"])
    assert explained.exit_code == 0, explained.output
    monkeypatch.setattr(mutation, "explanations", lambda file: {})
    unexplained = CliRunner().invoke(mutation.main, ["6"])
    assert unexplained.exit_code == 1
    assert f"- {TWO[0]}\n+ {TWO[1]}\n" in unexplained.output


def test_every_explanation_has_its_form(kit):
    for one in kit.exercises:
        for reason in explanations(one.checks.parent / "equivalent_mutants.md").values():
            assert len(reason) > 20


def test_a_survivors_file_in_another_form_is_refused(tmp_path):
    file = tmp_path / "equivalent_mutants.md"
    file.write_text("# Title\n\n## f\n\nNo diff.\n", encoding="utf-8")
    with pytest.raises(KitError):
        explanations(file)
