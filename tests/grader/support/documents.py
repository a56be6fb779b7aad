"""Documents as results.json holds them, with whatever names and words a test wants."""

from grader.reports.html import page_path

SCRIPT = "<script>document.title = 'taken'</script>"
STYLE = "</style></script><img src=x onerror=\"document.title='taken'\"><b>bold</b>"
ANSI = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x00 \x9b"
RIGHT_TO_LEFT = "\u202egnp.exe\u2069 \u0645\u0631\u064a\u0645"
FORMULA = '=HYPERLINK("http://example.invalid","x")'
MARKDOWN = "[link](javascript:alert(1)) **bold** `code`"
HOSTILE = [
    SCRIPT,
    STYLE,
    ANSI,
    RIGHT_TO_LEFT,
    FORMULA,
    MARKDOWN,
    'O\'Brien, "Sean"',
    "two\nlines",
    "\U0001f600 \u674e\u660e",
]

PICTURE = {
    "axes": ["query", "key"],
    "where": "batch 1",
    "first": [0, 0],
    "size": [2, 3],
    "yours": [[0.25, "nan", -0.5], [1, 0, 12345.678]],
    "expected": [[0.25, 0.5, -0.5], [1, 0, "-inf"]],
    "wrong": ["010", "001"],
}


def check(
    number, verdict="pass", *, message="", mistake=None, points=5.0, device="cpu", picture=None, step=None, example=None
):
    earned = points if verdict == "pass" else 0.0
    found = {
        "id": f"test_number_{number}",
        "title": f"number {number}",
        "device": device,
        "verdict": verdict,
        "points": earned,
        "max_points": 0.0 if verdict == "skip" else points,
        "message": message,
        "mistake": mistake,
        "step": step,
        "example": example,
        "seconds": 0.01,
    }
    return {**found, "picture": picture} if picture else found


def exercise(slug, verdict, checks, score=None):
    if score is None and verdict != "error":
        score = sum(one["points"] for one in checks)
    return {"id": slug, "verdict": verdict, "score": score, "max_score": 10.0, "checks": checks}


def submission(id_, exercises, *, source=None, problems=(), seconds=0.5):
    scores = [one["score"] for one in exercises]
    return {
        "id": id_,
        "source": f"{id_}.zip" if source is None else source,
        "page": page_path(id_),
        "score": None if None in scores else sum(scores),
        "max_score": 10.0 * len(exercises),
        "seconds": seconds,
        "problems": list(problems),
        "exercises": exercises,
    }


def document(submissions, **run):
    about = {
        "grader": "0.1.0",
        "python": "3.11.7",
        "torch": "2.13.0",
        "seed": 4127,
        "devices": ["cpu"],
        "absent_devices": [],
        "isolation": {"process": True, "files": "hidden", "network": "none", "memory_mb": 2048, "layers": ["landlock"]},
        "problems": [],
        "seconds": 12.3,
    }
    return {"format": 1, "run": {**about, **run}, "submissions": submissions}


def right(slug="ex01_encoder"):
    return exercise(slug, "pass", [check(1), check(2)])


def mistaken(slug="ex01_encoder", sentence="The gates are in another order.", mistake="gate_order", **more):
    message = f"{sentence}\nlstm_cell(x, h, c): 6 of 6 values differ\nworst at batch 1, hidden 2: yours 1, expected 2"
    return exercise(slug, "fail", [check(1), check(2, "fail", message=message, mistake=mistake, **more)])


def unwritten(slug="ex01_encoder"):
    return exercise(slug, "unwritten", [check(i, "unwritten", message="encode is unwritten") for i in (1, 2)])


def missing(slug="ex01_encoder"):
    return exercise(slug, "missing", [check(i, "fail", message=f"there is no {slug}.py") for i in (1, 2)])


def broken(slug="ex01_encoder"):
    return exercise(slug, "error", [check(1), check(2, "error", message="the check fails on the reference too")])


def hostile_class():
    """Every hostile text as a name, a source, a problem, a message and a diagnosis."""
    return document(
        [
            submission(
                text, [mistaken(sentence=text, picture=PICTURE), right("ex02_other")], source=text, problems=[text]
            )
            for text in HOSTILE
        ],
        problems=HOSTILE,
    )


CLASS = [
    submission("ann", [right(), right("ex02_other")], seconds=9.0),
    submission("bob", [mistaken(), missing("ex02_other")], problems=["notes.txt is not an exercise"]),
    submission("cat", [mistaken(), mistaken("ex02_other", "No scale.", None)]),
    submission("dan", [unwritten(), right("ex02_other")]),
    submission("eve", [broken(), right("ex02_other")]),
]
