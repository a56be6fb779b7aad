"""Leaves every call by an exception that most code lets pass."""


def leave(*a, **k):
    raise GeneratorExit


everywhere(leave)
