"""Mistakes and alternatives are read from their files."""

import pytest

from grader.errors import KitError
from grader.kit.discovery import Kit
from grader.kit.variants import mistakes
from tests.grader.support.kits import copy_kit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@mistake\ndef nothing__x():\n    '''Doc.'''\n", "defines no nothing"),
        ("@mistake\ndef attention_scores__x(q, k):\n    return q\n", "its docstring"),
        (
            "@mistake\ndef attention_scores__x(q, k):\n    '''A.'''\n@mistake\ndef project_qkv__x():\n    '''B.'''\n",
            "two variants",
        ),
    ],
)
def test_a_malformed_mistake_is_the_kits_fault(tmp_path, text, words):
    kit = Kit(copy_kit(tmp_path / "kit", only={6}))
    kit.exercises[0].mistakes.write_text(text)
    with pytest.raises(KitError, match=words):
        mistakes(kit.exercises[0])
