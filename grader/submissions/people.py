"""Whose something is: who handed it in, as an LMS knows them, and what is not certain about that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One person behind a submission, by whatever the download says of them; empty where it says nothing.

    Args:
        name: as people write it.
        number: the student number that the school gave.
        email: the address.
        canvas: Canvas's own number.
        moodle: the participant's number in Moodle.
        login: the name they log in with.
    """

    name: str = ""
    number: str = ""
    email: str = ""
    canvas: str = ""
    moodle: str = ""
    login: str = ""


@dataclass(frozen=True)
class Submitter:
    """Whose something is.

    Args:
        student: their id.
        file: the name that they gave it; empty where they gave a folder.
        number: grows from one upload of theirs to the next.
        attempt: the same for all that was handed in at once, and grows; empty where attempts cannot be told apart.
        receipt: it is what an LMS writes about a submission, and nobody's work.
        members: who they are; empty where nothing but the id is known.
        gradescope: the number of the submission in Gradescope.
        at: when they handed it in, in the form of ISO 8601; empty where the download does not say.
        late: the download says that it came too late.
        doubt: why it is not certain that all of it is theirs, a sentence.
    """

    student: str
    file: str = ""
    number: str = ""
    attempt: str = ""
    receipt: bool = False
    members: tuple[Member, ...] = ()
    gradescope: str = ""
    at: str = ""
    late: bool = False
    doubt: str = ""
