"""Requests cross in the order of their fields; replies of the wrong shape are no replies."""

import pytest
import torch

from grader.protocol import messages
from grader.protocol.codec import Decoder, Encoder
from grader.protocol.messages import Called, Description, Done, Gradients, Introduction, Loaded, Missing, RaisedReply
from grader.protocol.values import CodecError

CALLED = Called(None, [0], ["grad mode"], 2, 1)
LOADED = Loaded({"f": 1}, [])
RAISED = RaisedReply(["ValueError"], "", [("x.py", 3, "f", "")], True, None, "")
GRADIENTS = Gradients([torch.ones(1), None], {"w": None})
DESCRIPTION = Description("A", {"w": [2]}, [["a", "b"]], {"": True})
GOOD = [CALLED, CALLED._replace(value=object()), LOADED, GRADIENTS, DESCRIPTION, Done()]
BAD = [
    CALLED._replace(mutated=[-1]),
    CALLED._replace(mutated=3),
    CALLED._replace(changed=[1]),
    CALLED._replace(recorded="many"),
    CALLED._replace(recorded=True),
    CALLED._replace(call=None),
    LOADED._replace(lines={"f": "one"}),
    LOADED._replace(lines=[("f", 1)]),
    GRADIENTS._replace(inputs=[1]),
    GRADIENTS._replace(parameters=[None]),
    DESCRIPTION._replace(name=1),
    DESCRIPTION._replace(parameters={"w": ["x"]}),
]


def crossing(reply, **more):
    return {**reply._asdict(), "shortcuts": [], **more}


def test_every_request_has_one_name():
    kinds = {kind.__name__ for kind in messages.REQUESTS.values()}
    assert len(kinds) == len(messages.REQUESTS)
    for name, kind in messages.REQUESTS.items():
        request = kind(*range(len(kind._fields)))
        frame = Encoder().frame(messages.document(request))
        crossed, fields = Decoder(lambda reference: None).value(frame).value
        assert messages.REQUESTS[crossed](*fields) == request
        assert crossed == name


@pytest.mark.parametrize("reply", GOOD)
def test_a_reply_is_read_as_it_was_sent(reply):
    assert messages.read(type(reply), crossing(reply)) == ([], reply)


@pytest.mark.parametrize("reply", BAD)
def test_a_field_of_another_type_is_refused(reply):
    with pytest.raises(CodecError):
        messages.read(type(reply), crossing(reply))


@pytest.mark.parametrize("claim", [None, [], "x", {}, {"shortcuts": []}, crossing(LOADED), crossing(CALLED, more=1)])
def test_what_is_no_reply_of_the_kind_asked_for_is_refused(claim):
    with pytest.raises(CodecError):
        messages.read(Called, claim)


@pytest.mark.parametrize("shortcuts", [None, "nn.LSTM", [1]])
def test_a_reply_says_which_shortcuts_were_used(shortcuts):
    assert messages.read(Called, crossing(CALLED, shortcuts=["nn.LSTM"])) == (["nn.LSTM"], CALLED)
    with pytest.raises(CodecError):
        messages.read(Called, crossing(CALLED, shortcuts=shortcuts))


def test_in_place_of_any_reply_may_stand_what_is_missing_or_was_raised():
    assert messages.read(Called, {"missing": "f", "shortcuts": []}) == ([], Missing("f"))
    assert messages.read(Called, {"raised": RAISED._asdict(), "shortcuts": []}) == ([], RAISED)
    odd = [RAISED._replace(kinds=[]), RAISED._replace(frames=[["x.py", "3", "f", ""]]), RAISED._replace(message=None)]
    claims = [{"missing": ["f"]}, {"raised": {}}, *({"raised": reply._asdict()} for reply in odd)]
    for claim in [*claims, {"raised": {**RAISED._asdict(), "more": 1}}, {"missing": "f", "raised": RAISED._asdict()}]:
        with pytest.raises(CodecError):
            messages.read(Called, {**claim, "shortcuts": []})


def test_a_new_module_says_its_class_and_its_facts():
    new = Introduction("A", b"w [2]")
    assert messages.record(Introduction, new._asdict()) == new
    for claim in (None, {}, {"name": 1, "facts": b""}, {"name": "A", "facts": "w [2]"}, {**new._asdict(), "more": 1}):
        with pytest.raises(CodecError):
            messages.record(Introduction, claim)
