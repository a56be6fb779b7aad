"""Which definitions of a reference a call can reach, and which of them a variant replaces. Read from the text alone.

A unit is a function, `attention_scores`, or a method, `MultiHeadAttention.forward`.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from functools import lru_cache

from grader.source.definitions import tree_of

RECURRENT = ("LSTM", "GRU", "RNN")
"""Layers of torch's that go through a sequence step by step."""


class CallGraph:
    """The units of one reference and what each of them names.

    Args:
        text: the file.
        definitions_only: it comes from a notebook, whose cells need not all be Python.

    Raises what `compile` raises.
    """

    def __init__(self, text: bytes, definitions_only: bool = False) -> None:
        self._units: dict[str, ast.AST] = {}
        self._classes: dict[str, list[str]] = {}
        for node in tree_of(text, "<units>", definitions_only).body:
            if isinstance(node, ast.FunctionDef):
                self._units[node.name] = node
            elif isinstance(node, ast.ClassDef):
                methods = {f"{node.name}.{m.name}": m for m in node.body if isinstance(m, ast.FunctionDef)}
                self._units.update(methods)
                self._classes[node.name] = list(methods)
        self._named = {unit: self._names_in(node) for unit, node in self._units.items()}
        self._parts = self._classes_of_parts()
        self._looping = {unit for unit, node in self._units.items() if any(map(_is_a_loop, ast.walk(node)))}
        self._known: dict[frozenset[str], frozenset[str]] = {}

    def units_of(self, name: str) -> set[str]:
        """All units of a function or class."""
        return set(self._classes.get(name, [name]))

    def reached(self, calls: Iterable[str]) -> frozenset[str]:
        """Every unit that can run in these calls: `self_attention`, `Transformer`, `Transformer.generate`.

        A call that cannot be placed may reach everything.
        """
        first = frozenset(calls)
        if first not in self._known:
            self._known[first] = self._closure(first)
        return self._known[first]

    def entered(self, calls: Iterable[str]) -> frozenset[str]:
        """The units that these calls name themselves; none for a call that cannot be placed."""
        known = {unit for name in calls for unit in self._entry(name)}
        return frozenset(known) if len(known) < len(self._units) else frozenset()

    def loops(self, units: Iterable[str]) -> bool:
        """Whether one of these goes through a sequence step by step: in a loop over positions, or in a recurrent layer
        of the library."""
        return not self._looping.isdisjoint(units)

    def uses(self, calls: Iterable[str], units: Collection[str]) -> bool:
        """Whether these calls, what constructors do aside, can run one of these units: they name it, or a part of a
        module that is of its class."""
        found: set[str] = set()
        waiting = [unit for name in calls for unit in self._entry(name) if unit not in units]
        while waiting:
            unit = waiting.pop()
            if unit.endswith(".__init__") or unit in found:
                continue
            if unit in units:
                return True
            found.add(unit)
            waiting += self._named.get(unit, set()) | self._parts_in(unit)
        return False

    def _classes_of_parts(self) -> dict[str, set[str]]:
        """Names such as `norm_1` in `self.norm_1 = LayerNorm(d_model)`, and the classes behind them."""
        found: dict[str, set[str]] = {}
        assigned = [part for unit in self._units.values() for part in ast.walk(unit) if isinstance(part, ast.Assign)]
        for part in assigned:
            made = {one.id for one in ast.walk(part.value) if isinstance(one, ast.Name) and one.id in self._classes}
            for target in part.targets:
                if isinstance(target, ast.Attribute):
                    found.setdefault(target.attr, set()).update(made)
        return found

    def _parts_in(self, unit: str) -> set[str]:
        """The `forward` of every part that a unit names."""
        walked = ast.walk(self._units[unit]) if unit in self._units else ()
        attributes = {part.attr for part in walked if isinstance(part, ast.Attribute)}
        return {f"{owner}.forward" for name in attributes for owner in self._parts.get(name, ())}

    def _closure(self, calls: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        waiting = [unit for name in calls for unit in self._entry(name)]
        while waiting:
            unit = waiting.pop()
            if unit not in found:
                found.add(unit)
                waiting += self._named.get(unit, ())
        return frozenset(found)

    def _entry(self, name: str) -> set[str]:
        owner, _, method = name.partition(".")
        if owner in self._classes:
            return {f"{owner}.__init__", f"{owner}.{method or 'forward'}"}
        return {name} if name in self._units else set(self._units)

    def _names_in(self, node: ast.AST) -> set[str]:
        """What a body names: functions, classes (made and called), methods by their attribute."""
        found: set[str] = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in self._classes:
                found |= {f"{part.id}.__init__", f"{part.id}.forward"}
            elif isinstance(part, ast.Name) and part.id in self._units:
                found.add(part.id)
            elif isinstance(part, ast.Attribute) and part.attr != "__init__":  # super().__init__ is no other class's
                found |= {unit for unit in self._units if unit.endswith(f".{part.attr}")}
        return found


def _is_a_loop(node: ast.AST) -> bool:
    if isinstance(node, ast.For):
        return isinstance(node.iter, ast.Call) and isinstance(node.iter.func, ast.Name) and node.iter.func.id == "range"
    return isinstance(node, ast.While) or (isinstance(node, ast.Attribute) and node.attr in RECURRENT)


@lru_cache(maxsize=2_000)
def replaced(definition: str, target: str) -> frozenset[str] | None:
    """The units that a variant's definition replaces; None for all of its target's.

    A class that derives from the reference's own and only overrides methods replaces these methods.
    """
    node = ast.parse(definition).body[0]
    if not isinstance(node, ast.ClassDef):
        return None
    bases = [ast.unparse(base) for base in node.bases]
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    plain = all(isinstance(part, (ast.FunctionDef, ast.Expr)) for part in node.body)
    if bases != [f"reference.{target}"] or not plain or any(part.name == "__init__" for part in methods):
        return None
    return frozenset(f"{target}.{part.name}" for part in methods)
