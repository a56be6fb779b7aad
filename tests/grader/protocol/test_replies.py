"""Replies of the wrong shape are no replies; those of the right one pass untouched."""

import pytest
import torch

from grader.protocol import replies
from grader.protocol.values import CodecError

RAISED = {
    "kinds": ["ValueError"],
    "message": "",
    "frames": [["x.py", 3, "f", ""]],
    "at_home": True,
    "syntax_line": None,
}
GOOD = [
    {"value": object()},
    {"value": None, "mutated": [0], "changed": ["grad mode"], "recorded": 2, "call": 1},
    {"raised": RAISED},
    {"missing": "f"},
    {"lines": {"f": 1}, "changed": []},
    {"inputs": [torch.ones(1), None], "parameters": {"w": None}},
]
BAD = [
    {"mutated": [-1]},
    {"mutated": 3},
    {"changed": [1]},
    {"recorded": "many"},
    {"lines": {"f": "one"}},
    {"missing": ["f"]},
    {"raised": {}},
    {"raised": {**RAISED, "kinds": []}},
    {"raised": {**RAISED, "frames": [["x.py", "3", "f", ""]]}},
    {"raised": {**RAISED, "more": 1}},
    {"inputs": [1]},
    {"parameters": [None]},
    {"shortcuts": "nn.LSTM"},
]
MODULE = {"class": "A", "parameters": {"w": [2]}, "shared": [["a", "b"]], "training": {"": True}}


@pytest.mark.parametrize("reply", GOOD)
def test_a_reply_passes(reply):
    assert replies.check({"shortcuts": [], **reply}) == {"shortcuts": [], **reply}


@pytest.mark.parametrize("reply", [*BAD, None, [], "x"])
def test_nonsense_is_refused(reply):
    with pytest.raises(CodecError):
        replies.check({"shortcuts": [], **reply} if isinstance(reply, dict) else reply)


def test_a_reply_says_which_shortcuts_were_used():
    with pytest.raises(CodecError):
        replies.check({"value": 1})


def test_a_module_describes_itself_in_full():
    assert replies.description(MODULE) == MODULE
    for claim in (None, {}, {**MODULE, "class": 1}, {**MODULE, "parameters": {"w": ["x"]}}, {**MODULE, "more": 1}):
        with pytest.raises(CodecError):
            replies.description(claim)


def test_a_new_module_says_its_class_and_its_facts():
    new = {"class": "A", "facts": b"w [2]"}
    assert replies.introduction(new) == new
    for claim in (None, {}, MODULE, {**new, "class": 1}, {**new, "facts": "w [2]"}):
        with pytest.raises(CodecError):
            replies.introduction(claim)
