"""Six classes as Canvas, Moodle, Gradescope, Blackboard, GitHub Classroom and Classroom 50 give them, with troubles.

Names follow the platforms' own programs: Canvas's lib/content_zipper.rb, Moodle's mod/assign/classes/downloader.php,
Classroom 50's gh teacher download; Gradescope and Blackboard as their exports look. Of every person it is known what
counts of what they handed in.
"""

import io
import json
import random
import zipfile
from dataclasses import dataclass, field

FIVE, SIX = "ex05_sinusoidal_encoding", "ex06_self_attention"
RIGHT = """\
import math
import torch


def project_qkv(x, w_q, w_k, w_v):
    return x @ w_q, x @ w_k, x @ w_v


def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))


def self_attention(x, w_q, w_k, w_v):
    q, k, v = project_qkv(x, w_q, w_k, w_v)
    weights = torch.softmax(attention_scores(q, k), dim=-1)
    return weights @ v, weights
"""
UNSCALED = RIGHT.replace(" / math.sqrt(q.size(-1))", "")
EARLY, LATE = (2026, 11, 2, 10, 0, 0), (2026, 11, 3, 10, 0, 0)


def notebook(*cells):
    made = [{"cell_type": "code", "source": text, "outputs": [], "metadata": {}} for text in cells]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def packed(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return data.getvalue()


@dataclass
class Work:
    """What one person hands in: path -> what it holds, and which file counts; empty where none does."""

    files: dict[str, str | bytes]
    counts: str = RIGHT
    trouble: str = "plain"


def works(stub):
    """Every trouble, in an order that is always the same."""
    whole = {f"{SIX}.py": RIGHT}
    swollen = notebook(RIGHT).replace('"outputs": []', '"outputs": [{"text": "%s"}]' % ("x" * 3_000_000))
    return [
        Work(whole),
        Work({f"{SIX}.py": UNSCALED}, UNSCALED, "unscaled"),
        Work({f"{SIX}.ipynb": notebook(RIGHT)}, trouble="notebook"),
        Work({f"{SIX}.py": stub, f"{SIX}.ipynb": notebook(RIGHT)}, trouble="stub beside the notebook"),
        Work({**whole, f"{SIX}_old.py": UNSCALED}, trouble="an old copy"),
        Work({**whole, "test_ex06.py": f"from {SIX} import *\n"}, trouble="an own test"),
        Work({**whole, "ex06_plot.py": "import matplotlib\n"}, trouble="a plot"),
        Work({"ex06_main.py": "print(1)\n", f"{SIX}.py": RIGHT}, trouble="a main"),
        Work({"homework.zip": packed({f"hw/{SIX}.py": RIGHT, "__MACOSX/hw/._x.py": "x"})}, trouble="a zip"),
        Work({f"{SIX}.ipynb": swollen}, trouble="saved outputs"),
        Work({"homework.zip": packed({f"{SIX}.ipynb": swollen})}, trouble="saved outputs in a zip"),
        Work({"Untitled7.ipynb": notebook(f"%%writefile {SIX}.py\n{RIGHT}")}, trouble="writefile"),
        Work({"my attention (final) v2.py": RIGHT}, trouble="known by its functions"),
        Work({f"{SIX}-1.py": RIGHT}, trouble="a number by the LMS"),
        Work({f"{SIX}.py": RIGHT.encode("utf-16")}, trouble="UTF-16"),
        Work({f"{SIX}.py": RIGHT.replace("\n", "\r\n").encode("utf-8-sig")}, trouble="Windows"),
        Work({"answers.pdf": b"%PDF-1.4"}, "", "a PDF"),
        Work({"homework.rar": b"Rar!\x1a\x07\x00" + b"0" * 60}, "", "a RAR"),
        Work({f"{SIX}.docx": b"PK"}, "", "a document"),
        Work({f"{SIX}.py": ""}, "", "an empty file"),
        Work({f"{SIX}.py": stub}, "", "the stub"),
        Work({f"{SIX}.py": RIGHT + "import argparse\nargparse.ArgumentParser().parse_args()\n"}, trouble="argparse"),
        Work({f"{SIX}.py": "from tqdm_not_here import tqdm\n" + RIGHT}, trouble="an unused import"),
        Work({f"{SIX}.py": RIGHT + "def broken(:\n"}, "", "no Python"),
    ]


@dataclass
class Person:
    """Someone of a class.

    Args:
        name: as the platform has it.
        key: what tells them from everybody else there: a number, a login.
        id: what the grader should call them.
    """

    name: str
    key: str
    id: str
    work: Work
    late: bool = False


@dataclass
class Made:
    """A class: the files of its download, who is in it, and what is no submission."""

    platform: str
    folder: str
    people: list[Person] = field(default_factory=list)
    files: dict[str, str | bytes] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    one_folder_each: bool = False


def canvas(all_works, number=27):
    """Names in small letters without spaces; groups whose names end in numbers; anonymous ones; text entries."""
    made = Made("canvas", "submissions")
    names = [
        "amaroquill",
        "zhangwei",
        "zhangwei",
        "team_12",
        "team_13",
        "project_team_3",
        "\u00f6zt\u00fcrkay\u015fe",
        "ng",
    ]
    for place in range(number):
        name = names[place] if place < len(names) else f"person{chr(97 + place % 26)}"
        user, late = str(12_001 + 7 * place), place % 9 == 4
        person = Person(name, user, f"{name}_{user}", all_works[place % len(all_works)], late)
        if place == 20:
            person.id = "anon_Xk3p9"
        made.people.append(person)
        for count, (path, data) in enumerate(person.work.files.items()):
            mark = "LATE_" if late else ""
            start = f"{mark}anon_Xk3p9" if place == 20 else f"{name}_{mark}{user}"
            made.files[f"{start}_{880_100 + 13 * place + count}_{path}"] = data
    made.people.append(Person("typed", "12999", "typed_12999", Work({}, "", "a text entry")))
    made.files["typed_12999_text.html"] = "<p>see my mail</p>"
    return made


def moodle(all_works, number=27):
    """A folder for each participant; two of one name; an online text beside the files of one."""
    made = Made("moodle", "SEQ101-Homework 6-4711", one_folder_each=True)
    for place in range(number):
        name = "Wei Zhang" if place in (3, 4) else f"Ana{chr(97 + place % 26)} O'Neil-\u00c5s"
        user = str(500_300 + place)
        made.people.append(Person(name, user, f"{name}_{user}", all_works[place % len(all_works)]))
        for path, data in made.people[-1].work.files.items():
            made.files[f"{name}_{user}_assignsubmission_file/{path}"] = data
    first = made.people[0]
    made.files[f"{first.name}_{first.key}_assignsubmission_onlinetext/onlinetext.html"] = "<p>done</p>"
    return made


def gradescope(all_works, number=27):
    """A folder for each submission, and who they are in a file; namesakes, some without a student number; a group."""
    made = Made("gradescope", "assignment_4820000_export", one_folder_each=True)
    lines = ["---"]
    for place in range(number):
        folder, name = f"submission_{251_234_000 + 37 * place}", "Wei Zhang" if place in (3, 4, 5) else f"Bo {place:02}"
        number_there, mail = (
            ("", f"wei{place}@example.edu") if place in (3, 4) else (f"0303{1200 + place}", "b@example.edu")
        )
        id_ = f"{name}_{number_there or mail}"
        lines += [f"{folder}:", "  :submitters:", f"  - :name: {name}", f"    :sid: '{number_there}'"]
        lines += [f"    :email: {mail}"] if number_there == "" else [f"    :email: s{place}@example.edu"]
        if place == 6:
            lines += ["  - :name: Zed Partner", "    :sid: '09999999'", "    :email: zed@example.edu"]
            id_ += " and Zed Partner_09999999"
        lines += [f"  :created_at: 2026-11-{1 + place:02} 10:00:11.000000000 Z", "  :score: 0.0"]
        made.people.append(Person(name, folder, id_, all_works[place % len(all_works)]))
        for path, data in made.people[-1].work.files.items():
            made.files[f"{folder}/{path}"] = data
    made.files["submission_metadata.yml"] = "\n".join(lines) + "\n"
    return made


def blackboard(all_works, number=27):
    """Logins with underscores, an item of three words, receipts, an earlier attempt of one, a receipt alone of one."""
    made = Made("blackboard", "gradebook_SEQ101_Homework206_2026-11-09-10-00-00")
    logins = ["s_ahmed", "m_ahmed", "j_kim", "kim", "ahmed"]
    for place in range(number):
        login = logins[place] if place < len(logins) else f"user_{place:02}"
        made.people.append(Person(login, login, login, all_works[place % len(all_works)]))
        stem = f"Homework 6_{login}_attempt_2026-11-04-10-{place:02}-00"
        made.files[f"{stem}.txt"] = f"Name: Somebody ({login})\nAssignment: Homework 6\n"
        for path, data in made.people[-1].work.files.items():
            made.files[f"{stem}_{path}"] = data
    made.files[f"Homework 6_s_ahmed_attempt_2026-10-30-09-00-00_{SIX}.py"] = UNSCALED
    made.files["Homework 6_late_one_attempt_2026-11-04-12-00-00.txt"] = "Name: Late One (late_one)\n"
    made.people.append(Person("late_one", "late_one", "late_one", Work({}, "", "a receipt alone")))
    return made


def _repositories(made, prefix, all_works, number):
    for place in range(number):
        login = ["octocat", "anna-b", "anna"][place] if place < 3 else f"user-{place:02}"
        made.people.append(Person(login, login, login, all_works[place % len(all_works)]))
        home = f"{prefix}{login}"
        made.files[f"{home}/README.md"] = "# Homework 6\n"
        made.files[f"{home}/requirements.txt"] = "torch\n"
        made.files[f"{home}/.git/HEAD"] = "ref: refs/heads/main\n"
        made.files[f"{home}/.git/objects/ab/{place:038x}"] = b"x"
        for path, data in made.people[-1].work.files.items():
            made.files[f"{home}/{path}"] = data
    made.people.append(Person("nothing", "nothing", "nothing", Work({}, "", "an empty repository")))
    made.files[f"{prefix}nothing/.git/HEAD"] = "ref: refs/heads/main\n"
    return made


def github(all_works, number=27):
    """What `gh classroom clone student-repos` leaves."""
    return _repositories(Made("github", "hw6-submissions", one_folder_each=True), "hw6-", all_works, number)


def classroom50(all_works, number=27):
    """What `gh teacher download` leaves, with its scores.csv."""
    made = Made("classroom50", "seq101-hw6_submissions_2026_11_09_T_10_00_00", one_folder_each=True)
    _repositories(made, "seq101-hw6-", all_works, number)
    made.files["scores.csv"] = "username,score\nocto,1\n"
    made.strays.append("scores.csv")
    return made


PLATFORMS = (canvas, moodle, gradescope, blackboard, github, classroom50)
LAYOUTS = ("folder", "zip", "wrapped zip", "zip in a folder")


def write(made, place, rng=None, layout="folder"):
    """Writes a class in a layout; entries in a random order, and with random times within one attempt.

    Returns:
        what to give to `grader grade`.
    """
    paths = list(made.files)
    rng = rng or random.Random(0)
    rng.shuffle(paths)
    if layout == "folder":
        for path in paths:
            file = place / made.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            data = made.files[path]
            file.write_bytes(data.encode() if isinstance(data, str) else data)
        return place / made.folder
    inside = f"{made.folder}/" if layout == "wrapped zip" else ""
    home = place / "download" if layout == "zip in a folder" else place
    home.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(home / f"{made.folder}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            when = (2026, 11, rng.randint(1, 28), rng.randint(0, 23), 0, 0)
            archive.writestr(zipfile.ZipInfo(inside + path, when), made.files[path], zipfile.ZIP_DEFLATED)
    return home if layout == "zip in a folder" else home / f"{made.folder}.zip"
