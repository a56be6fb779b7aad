"""One way through the learner's loop in a real terminal; what it shows is the README's transcript."""

import re

from grader.kit.stub import stub_of
from tests.grader.support.terminal import Terminal

KEPT_CHECKS = 4
KEYS = re.compile(r"(?:\w|0-9) [A-Za-z0-9 ]+")
"""A line of keys: `h hint  t lesson`."""
LAST = ("q quit", "any other key stay", "y yes  n no")
"""A screen that is whole ends with one of these."""
STAMP = re.compile(r"\d{8}-\d{6}-\d{3}")
CHECK = re.compile(r"  (pass|FAIL|unwritten) ")


class Story:
    """Steps through the loop and writes down what each added to the screen.

    Args:
        kit: a copy of the kit.
    """

    def __init__(self, kit):
        self.kit = kit
        arguments = ("watch", "6", "--seed", "4127", "--device", "cpu")
        self.terminal = Terminal(kit, "-m", "grader", *arguments, rows=120, VISUAL="vim")
        self.told = ["$ grader watch 6 --seed 4127"]
        self._before = []

    def save(self, text, slug="ex06_self_attention"):
        file = self.kit / "exercises" / f"{slug}.py"
        file.write_text(text, encoding="utf-8")
        self.told += ["", f"[you save exercises/{file.name}]"]

    def press(self, key):
        self.terminal.press(key)
        self.told += ["", f"[you press {key}]"]

    def shows(self, *words):
        """Waits for the words and the end of the screen, and writes down what is new."""
        screen = self.terminal
        screen.until(lambda: all(word in screen.text for word in words) and screen.text.endswith(LAST), words)
        lines = self.terminal.text.splitlines()
        old = list(self._before)
        while old and KEYS.fullmatch(old[-1]):  # they are written anew
            old.pop()
        self.told += lines[len(old) :] if old and lines[: len(old)] == old else lines
        self._before = lines

    def transcript(self):
        """All that was written down: long lists of checks are shortened, times are masked."""
        lines, checks = [], 0
        for line in self.told:
            checks = checks + 1 if CHECK.match(line) else 0
            if checks <= KEPT_CHECKS:
                lines.append(line.rstrip())
            elif checks == KEPT_CHECKS + 1:
                lines.append("  ...")
        text = STAMP.sub("20260101-120000-001", "\n".join(lines))
        return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def tell(kit):
    """Start, a function, a failing save, two hints, the fix, the next exercise, the list, a reset, the end."""
    story = Story(kit)
    solution = (kit / "solutions" / "ex06_self_attention.py").read_text(encoding="utf-8")
    stub = (kit / "exercises" / "ex07_masked_attention.py").read_text(encoding="utf-8")
    story.shows("Nothing is written yet")
    story.save(stub_of(solution, written={"project_qkv"}))
    story.shows("What is written so far is right")
    story.save(solution.replace("scores / math.sqrt(d_k)", "scores"))
    story.shows("You get what you would get if this were so", "d debug")
    story.press("h")
    story.shows("hint 1 of 3")
    story.press("h")
    story.shows("To see it now")
    story.save(solution)
    story.shows("ex06_self_attention passes", "n next")
    story.press("n")
    story.shows("Exercise 7 of 12")
    story.save(stub.replace("import torch\n", "import torch\nlargest = = 1e4\n"), "ex07_masked_attention")
    story.shows("SyntaxError", "x reset")
    story.press("l")
    story.shows("ex12_training")
    story.press("l")
    story.shows("q quit")
    story.press("x")
    story.shows("y yes")
    story.press("y")
    story.shows("is the stub again")
    story.press("q")
    assert story.terminal.ends() == 0
    return story.transcript()
