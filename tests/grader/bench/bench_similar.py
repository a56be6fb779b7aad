"""How many of 50 planted copies `grader similar` finds in a class of 1,000, and whom it shows besides.

    python tests/grader/bench/bench_similar.py [SIZE] [COPIES] [COMMON]

The files are made by the choices that students make (names, the order and the form of each step, comments). Copies are
disguised in five ways, from another layout to other names and other comments all through. COMMON pairs, and a tenth of
the class with them, made the same common mistake. Prints for each kind what was found, whether any of the COMMON pairs
is on the page, who else is, and the seconds of CPU.
"""

import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from grader.cli.teaching.similar import find
from grader.kit.discovery import Kit
from grader.source.file import File
from grader.submissions.intake import Entry
from tests.grader.support.documents import check, document, exercise, submission

SLUG = "ex06_self_attention"
FUNCTIONS = ("self_attention", "attention_scores", "project_qkv")
POOLS = {
    of: words.split()
    for of, words in {
        "scores": "scores score s attn att attention logits sim similarity raw dots a e energy qk prod z",
        "weights": "weights w attn_weights probs p attention_weights alpha soft att_w normalized",
        "output": "output out o context ctx res result y attended",
        "size": "d_k dk d dim scale size depth key_dim n",
        "keys": "kt k_t key_t keys_t kT k_transposed",
        "most": "mx m maximum biggest top peak",
        "powers": "ex exps exponentials unnorm num",
    }.items()
}
SAID = """compute attention scores here scale by root of the key size then softmax over keys weighted sum values
multiply query with transposed first step second third now we get result each row sums to one divide so that not too
large return both as asked in lesson equation paper use matmul instead loop batch works any leading axes"""
WORDS = SAID.split()
LOCAL = re.compile(r"^\s+(\w+)(?:, _)? /?= ", re.MULTILINE)
SHORT = "one function of eight lines: "
DISGUISES = {
    f"{SHORT}other layout": (1, "layout"),
    f"{SHORT}one name, comments, layout": (1, "one comments layout"),
    f"{SHORT}half of the names, comments, layout": (1, "half comments layout"),
    "two functions: half of the names, comments, layout": (2, "half comments layout"),
    "three functions: every name, comments, layout": (3, "all comments layout"),
}


def comment(rng):
    return "    # " + " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 8)))


def function(name, rng, mistaken):
    """One function, as somebody might write it: popular names and forms are chosen more often."""
    n = {of: pool[min(int(rng.expovariate(0.35)), len(pool) - 1)] for of, pool in POOLS.items()}
    lines = [f"def {name}(x, w_q, w_k, w_v):", "    q, k, v = project_qkv(x, w_q, w_k, w_v)"]

    def write(*some):
        lines.extend(f"    {line.format(**n)}" for line in some)
        if rng.random() < 0.25:
            lines.append(comment(rng))

    keys = rng.choice(("k.transpose(-2, -1)", "k.transpose(-1, -2)", "k.mT", "k.swapaxes(-2, -1)", "k.transpose(1, 2)"))
    if rng.random() < 0.3:
        write("{keys} = " + keys)
        keys = n["keys"]
    product = rng.choice((f"q @ {keys}", f"torch.matmul(q, {keys})", f"torch.bmm(q, {keys})", "q.matmul(k.mT)"))
    size = rng.choice(("q.shape[-1]", "k.shape[-1]", "q.size(-1)", "k.size(-1)", "w_k.shape[1]", "w_k.shape[-1]"))
    if rng.random() < 0.5:
        write("{size} = " + size)
        size = n["size"]
    root = rng.choice(("math.sqrt(%s)", "%s ** 0.5", "%s ** (1 / 2)", "torch.sqrt(torch.tensor(%s))")) % size
    if mistaken:
        write("{scores} = " + product)
    elif rng.random() < 0.5:
        write("{scores} = " + f"{product} / {root}")
    else:
        write("{scores} = " + product, rng.choice(("{scores} = {scores} / ", "{scores} /= ")) + root)
    if rng.random() < 0.8:
        softmax = ("torch.softmax({scores}, dim=-1)", "F.softmax({scores}, dim=-1)", "{scores}.softmax(-1)")
        write("{weights} = " + rng.choice(softmax))
    else:
        most = ("{most} = {scores}.max(dim=-1, keepdim=True).values", "{most}, _ = {scores}.max(-1, keepdim=True)")
        write(rng.choice(most), "{powers} = torch.exp({scores} - {most})")
        write("{weights} = {powers} / {powers}.sum(dim=-1, keepdim=True)")
    if rng.random() < 0.7:
        write(rng.choice(("{output} = {weights} @ v", "{output} = torch.matmul({weights}, v)")))
        write("return {output}, {weights}")
    else:
        write("return {weights} @ v, {weights}")
    return lines


def file(rng, functions, mistaken=False):
    lines = ["import math", "import torch", "import torch.nn.functional as F"]
    for place, name in enumerate(FUNCTIONS[:functions]):
        lines += ["", *function(name, rng, mistaken and place == 0)]
    return "\n".join(lines) + "\n"


def disguised(text, rng, how):
    if "comments" in how:
        lines = [line for line in text.splitlines() if not line.strip().startswith("#")]
        for _ in range(2):
            lines.insert(rng.randrange(5, len(lines)), comment(rng))
        text = "\n".join(lines)
    names = [*dict.fromkeys(LOCAL.findall(text))]
    count = {"one": 1, "half": max(1, len(names) // 2), "all": len(names)}.get(how.split()[0], 0)
    for name in rng.sample(names, count):
        other = f"my_{name}" if rng.random() < 0.5 else f"{name}{rng.randrange(2, 9)}"
        text = re.sub(rf"\b{name}\b(?!\()", other, text)
    return text.replace(" @ ", "@").replace("\n    ", "\n  ") + "\n\n"


def a_class(size, copies, common, functions, how, seed=1):
    """The document, the entries, the pairs that copied, the pairs that made the same common mistake."""
    rng = random.Random(seed)
    names = [f"s{number:04}" for number in range(size)]
    order = rng.sample(names, size)
    planted = [(order[2 * i], order[2 * i + 1]) for i in range(copies)]
    rest = order[2 * copies :]
    alike = [(rest[2 * i], rest[2 * i + 1]) for i in range(common)]
    wrong = {*rest[: 2 * common + size // 10]}
    texts = {name: file(rng, functions, name in wrong) for name in names}
    for one, other in planted:
        texts[other] = disguised(texts[one], rng, how)
    submissions = []
    for name in names:
        failed = [check(1), check(2, "fail", message="wrong", mistake="no_scaling")] if name in wrong else [check(1)]
        submissions.append(submission(name, [exercise(SLUG, "fail" if name in wrong else "pass", failed)]))
    entries = [Entry(name, name, files={SLUG: File(f"{SLUG}.py", text.encode())}) for name, text in texts.items()]
    return document(submissions), entries, planted, alike


def measured(size, copies, common, functions, how):
    """How many copies are found, how many of the common pairs are shown, how many others; seconds of CPU."""
    made, entries, planted, alike = a_class(size, copies, common, functions, how)
    exercises = Kit().find(["6"])
    start = time.process_time()
    shown = {frozenset((pair.one, pair.other)) for pair in find(made, entries, exercises)}
    seconds = time.process_time() - start
    planted, alike = {frozenset(pair) for pair in planted}, {frozenset(pair) for pair in alike}
    return len(shown & planted), len(shown & alike), len(shown - planted - alike), seconds


def main(size=1000, copies=50, common=20):
    print(f"{size} submissions, {copies} planted copies, {common} pairs with the same common mistake")
    for name, (functions, how) in DISGUISES.items():
        found, alike, others, seconds = measured(size, copies, common, functions, how)
        print(
            f"{name}: {found} of {copies} found, {alike} of the {common} and {others} others shown, {seconds:.1f} s CPU"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
