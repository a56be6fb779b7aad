"""What two share and hardly anybody else: planted copies are found, and common mistakes are not."""

import csv
import io
import random
import zipfile

import pytest

from grader.cli.teaching import shared_code, similar
from grader.cli.teaching.similar import find
from grader.kit.discovery import Kit
from grader.source.file import File
from grader.submissions.intake import Entry
from tests.grader.bench import bench_similar
from tests.grader.support.documents import check, document, exercise, submission
from tests.grader.support.kits import copy_kit, run

SLUG = "ex06_self_attention"
NAMES = ["alpha", "beta", "gamma", "delta", "eps", "zeta", "eta", "theta", "iota", "kappa", "rho", "sigma", "tau"]


def own_code(rng, lines=24):
    """A file of some lines in words of one's own: names, comments and the order of lines are nobody else's."""
    words = rng.sample(NAMES, 5)
    written = [
        f"    {words[i % 5]}{rng.randrange(99)} = {words[(i + 1) % 5]} @ w_{rng.randrange(9)}" for i in range(lines)
    ]
    said = f"    # {' '.join(rng.choice(NAMES) + str(rng.randrange(50)) for _ in range(9))}"
    return "\n".join(["def self_attention(x):", said, *written, f"    return {words[0]}", ""])


def disguised(text, rng):
    """A copy: other layout and one name changed, the comment kept or gone."""
    name = rng.choice(NAMES)
    lines = [line.replace(name, f"{name}_mine") for line in text.splitlines() if rng.random() > 0.1]
    return "\n\n".join(lines) + "\n"


def a_class(size, copies, common, lines=24, seed=1):
    """A class, the pairs that copied, and the pairs that made the same common mistake on their own."""
    rng = random.Random(seed)
    texts = {f"s{i:04}": own_code(rng, lines) for i in range(size)}
    names = [*texts]
    rng.shuffle(names)
    copied = [(names[2 * i], names[2 * i + 1]) for i in range(copies)]
    for one, other in copied:
        texts[other] = disguised(texts[one], rng)
    rest = names[2 * copies :]
    made = rest[: 2 * common]
    others = rest[2 * common : 2 * common + size // 10]
    wrong = {*made, *others}
    submissions = []
    for name in texts:
        failed = [check(1), check(2, "fail", message="wrong", mistake="no_scaling")] if name in wrong else [check(1)]
        submissions.append(submission(name, [exercise(SLUG, "fail" if name in wrong else "pass", failed)]))
    entries = [Entry(name, name, files={SLUG: File(f"{SLUG}.py", text.encode())}) for name, text in texts.items()]
    return document(submissions), entries, copied, [(made[2 * i], made[2 * i + 1]) for i in range(common)]


def as_set(pairs):
    return {frozenset(pair) for pair in pairs}


@pytest.mark.parametrize("lines", [24, 6])
def test_planted_copies_are_found_and_common_mistakes_are_not(lines):
    """Long functions, and those of eight lines with their head and their comment."""
    made, entries, copied, common = a_class(300, 15, 20, lines)
    found = as_set((pair.one, pair.other) for pair in find(made, entries, Kit().find(["6"])))
    assert len(found & as_set(copied)) >= 14
    assert not found & as_set(common)
    assert len(found - as_set(copied)) <= 1


@pytest.mark.parametrize(
    ("disguise", "least"),
    [("one function of eight lines: other layout", 10), ("three functions: every name, comments, layout", 15)],
)
def test_copies_of_realistic_code_are_found_however_they_are_disguised(disguise, least):
    """`tests/grader/bench/bench_similar.py` does the same with 1,000."""
    found, alike, others, _ = bench_similar.measured(300, 15, 20, *bench_similar.DISGUISES[disguise])
    assert found >= least
    assert (alike, others <= 1) == (0, True)


def test_a_rare_wrong_value_is_shown_and_a_common_one_is_not():
    def student(name, value):
        picture = {
            "axes": [],
            "where": "",
            "first": [0],
            "size": [1],
            "yours": [[value]],
            "expected": [[1]],
            "wrong": ["1"],
        }
        failed = [
            check(1),
            check(2, "fail", message="no", picture=picture),
            check(3, "fail", message="no", picture=picture),
        ]
        return submission(name, [exercise(SLUG, "fail", failed)])

    values = {"a": 0.123456, "b": 0.123457, **{f"c{i}": 0.5 for i in range(30)}}
    pairs = find(document([student(*one) for one in values.items()]), [], Kit().find(["6"]))
    assert [(pair.one, pair.other) for pair in pairs] == [("a", "b")]
    assert (SLUG, "the same wrong values: number 2: 0.123") in pairs[0].reasons


@pytest.mark.parametrize("given", ["solution", "stub"])
def test_what_everybody_was_given_counts_for_nothing(given):
    """Two handed it in as it is, and nobody else of thirty."""
    (six,) = Kit().find(["6"])
    texts = {"a": getattr(six, given).read_bytes(), "b": getattr(six, given).read_bytes()}
    texts |= {f"c{number}": f"def attention_scores(q, k): return q @ k.mT / {number}".encode() for number in range(28)}
    entries = [Entry(name, name, files={SLUG: File("x.py", text)}) for name, text in texts.items()]
    right = document([submission(name, [exercise(SLUG, "pass", [check(1)])]) for name in texts])
    assert find(right, entries, [six]) == []


GIVEN = {"f", "torch", "q", "k"}
CODE = b"""
def f(q, k):
    # one two three four
    scores = q @ k.mT / 3
    return torch.softmax(scores, dim=-1), "a text"
"""


def test_names_order_and_layout_change_nothing_in_what_is_compared():
    text = shared_code.read(CODE, GIVEN)
    renamed = CODE.replace(b"scores", b"mine").replace(b" @ ", b"@").replace(b"    ", b"  ").replace(b"one", b"Zero")
    other = shared_code.read(renamed, GIVEN)
    assert (text.lines, text.pairs) == (other.lines, other.pairs)
    assert text.lines["f"][0] == "_1 = q @ k . mT / 3"
    assert (text.names, other.names) == ({"scores", "dim"}, {"mine", "dim"})
    assert text.words & other.words == {"two three four"}
    assert shared_code.read(CODE.replace(b"/ 3", b"/ 4"), GIVEN).lines != text.lines


def test_a_file_that_is_no_python_is_read_as_far_as_it_is():
    assert shared_code.read(CODE + b'"""', GIVEN).lines == shared_code.read(CODE, GIVEN).lines
    assert [*shared_code.read(b"\xff\x00", GIVEN).features()] == []
    assert shared_code.names_in(b"\xff\x00") == set()


def test_what_is_said_of_a_pair_names_what_it_shares():
    copy = CODE.replace(b"scores", b"mine")
    own = {f"s{i}": CODE.replace(b"/ 3", b"- %d" % i).replace(b"scores", b"n%d" % i) for i in range(40)}
    texts = {name: shared_code.read(text, GIVEN) for name, text in {**own, "a": CODE, "b": copy}.items()}
    found = shared_code.Comparison(texts, [])
    assert ("a", "b") in found.pairs()
    assert "of f alike but for names" in found.of("a", "b").reasons[0]
    assert found.of("a", "b").bits > found.of("s1", "s2").bits


def test_a_part_that_is_alike_says_less_than_its_share():
    """Who writes many lines shares some with somebody; a copy shares nearly all."""
    rng = random.Random(5)
    written = {f"s{i}": [f"    v{j} = q * {rng.randrange(10_000)}" for j in range(12)] for i in range(40)}
    written["half"] = written["s0"][:6] + written["s1"][6:]
    written["whole"] = [line.replace("v", "w") for line in written["s2"]]
    texts = {
        name: shared_code.read("\n".join(["def f(q):", *lines, ""]).encode(), GIVEN) for name, lines in written.items()
    }
    found = shared_code.Comparison(texts, [])
    half, whole = found.of("half", "s0"), found.of("whole", "s2")
    assert 0 < half.bits < whole.bits / 3


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    kit = copy_kit(tmp_path_factory.mktemp("similar") / "kit", only={6})
    solution = (kit / "solutions" / f"{SLUG}.py").read_text()
    for name in ("ada", "Bob B", "cleo"):
        (kit / "class" / name).mkdir(parents=True)
        (kit / "class" / name / f"{SLUG}.py").write_text(solution + f"# {name}\n")
    assert run(kit, "grade", "class", "--out", "out", "--seed", 3, "--device", "cpu", "--jobs", 1).returncode == 0
    return kit


def test_the_page_and_both_exports_are_written(graded):
    result = run(graded, "similar", "out", "--export", "dolos", "d.zip", "--export", "jplag", "j")
    assert result.returncode == 0, result.stderr
    assert "This is no accusation" in (graded / "out" / similar.PAGE).read_text()
    with zipfile.ZipFile(graded / "d.zip") as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("info.csv").decode())))
        assert {row["label"] for row in rows} == {"ada", "Bob B", "cleo"}
        assert all(archive.read(row["filename"]).startswith(b'"""Exercise 6') for row in rows)
        assert b"is unwritten" in archive.read(f"template/{SLUG}.py")
    folders = [path for path in (graded / "j" / "submissions").iterdir() if path.is_dir()]
    assert len(folders) == 3
    assert b"is unwritten" in (graded / "j" / "basecode" / f"{SLUG}.py").read_bytes()


def test_a_folder_without_results_is_refused(graded, tmp_path):
    result = run(graded, "similar", tmp_path)
    assert result.returncode == 2
    assert "holds no results that can be read" in result.stderr


def test_what_five_of_a_class_share_is_the_courses_and_not_theirs():
    rng = random.Random(2)
    shared = own_code(rng)
    texts = {f"s{i}": shared if i < 5 else own_code(rng) for i in range(40)}
    entries = [Entry(name, name, files={SLUG: File("x.py", text.encode())}) for name, text in texts.items()]
    right = document([submission(name, [exercise(SLUG, "pass", [check(1)])]) for name in texts])
    assert find(right, entries, Kit().find(["6"])) == []
    assert len(find(right, entries[3:], Kit().find(["6"]))) == 1, "two of a class are a pair"
