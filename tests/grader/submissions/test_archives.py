"""Archives as people make them, and as attackers do: one row each, one sentence each, and the class goes on."""

import gzip
import io
import stat
import struct
import sys
import tarfile
import tracemalloc
import zipfile
from itertools import count

import pytest

from grader.kit.discovery import Kit
from grader.submissions.bounds import Bounds, Unreadable
from grader.submissions.intake import read

SIX, SEVEN = "ex06_self_attention", "ex07_masked_attention"
EXERCISES = Kit().exercises


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    """The bytes of a zip; a name may be a ZipInfo."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members, mode="w:gz"):
    """The bytes of a tar; each member is (name, bytes) or a TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.fixture
def graded(tmp_path):
    """The files and the problems of alice, in a class with bob, whom nothing may touch."""

    def write(name, data):
        (tmp_path / "class" / "bob").mkdir(parents=True)
        (tmp_path / "class" / "bob" / "ex06.py").write_text("bob's")
        (tmp_path / "class" / name).write_bytes(data)
        before = sorted(tmp_path.rglob("*"))
        alice, bob = read(tmp_path / "class", EXERCISES).entries
        assert sorted(tmp_path.rglob("*")) == before, "something was written"
        assert (alice.id, alice.source) == ("alice", name)
        assert (bob.problems, bob.files[SIX].text) == ([], b"bob's")
        texts = {slug: file.refusal or file.text.decode() for slug, file in alice.files.items()}
        return texts, alice.problems

    return write


PLAIN = [("homework/ex06_self_attention.py", b"6"), ("homework/ex07.py", b"7"), ("__MACOSX/homework/._ex06.py", b"no")]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("alice.zip", zipped(PLAIN)),
        ("alice.zip", zipped(PLAIN, zipfile.ZIP_STORED)),
        ("alice.zip", zipped(PLAIN, zipfile.ZIP_LZMA)),
        ("alice.ZIP", zipped([("homework\\ex06.py", b"6"), ("./ex07.py", b"7"), ("empty/", b"")])),
        ("alice.tar.gz", tarred(PLAIN)),
        ("alice.tgz", tarred(PLAIN)),
        ("alice.tar", tarred(PLAIN, "w")),
        ("alice.tar.gz", zipped(PLAIN)),
        ("alice.zip", tarred(PLAIN)),
        ("alice.zip", zipped([("homework.zip", zipped(PLAIN))])),
        ("alice.zip", zipped([("a.tar.gz", tarred([("b.zip", zipped(PLAIN))]))])),
    ],
)
def test_what_people_hand_in_is_read(graded, name, data):
    assert graded(name, data) == ({SIX: "6", SEVEN: "7"}, [])


OUTSIDE = [
    "../../ex06.py",
    "/ex06.py",
    "C:\\ex06.py",
    "c:ex06.py",
    "..\\ex06.py",
    "a/../../ex06.py",
    "\\\\host\\x\\ex06.py",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_nothing_points_out_of_its_archive(graded, name, kind):
    files = [(name, b"evil"), ("ex07.py", b"7")]
    texts, problems = graded(f"alice.{kind}", zipped(files) if kind == "zip" else tarred(files))
    assert texts == {SEVEN: "7"}
    assert problems == [f"{name} points out of its archive and was left out"]


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (special("ex06.py", tarfile.SYMTYPE, "/etc/passwd"), "is a link"),
        (special("ex06.py", tarfile.LNKTYPE, "../bob/ex06.py"), "is a link"),
        (special("ex06.py", tarfile.LNKTYPE, "ex07.py"), "is a link"),
        (special("ex06.py", tarfile.FIFOTYPE), "is no plain file"),
        (special("ex06.py", tarfile.CHRTYPE), "is no plain file"),
        (special("ex06.py", tarfile.BLKTYPE), "is no plain file"),
        (special("ex06.py", tarfile.GNUTYPE_SPARSE), "is no plain file"),
    ],
)
def test_a_tar_holds_plain_files_alone(graded, member, words):
    texts, problems = graded("alice.tgz", tarred([("ex07.py", b"7"), member]))
    assert texts == {SEVEN: "7"}
    assert words in " ".join(problems)


def test_a_link_in_a_zip_is_not_followed(graded):
    texts, problems = graded("alice.zip", zipped([(zip_link("ex06.py"), b"/etc/passwd"), ("ex07.py", b"7")]))
    assert texts == {SEVEN: "7"}
    assert problems == ["ex06.py is a link, and links are not followed: hand in the file itself"]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("alice.zip", b"", "is empty"),
        ("alice.zip", b"Rar!\x1a\x07\x01\x00", "is a RAR archive, whatever its name says"),
        ("alice.zip", b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
        ("alice.rar", b"Rar!\x1a\x07\x01\x00", "is a RAR archive"),
        ("alice.tar.xz", b"\xfd7zXZ\x00", "is packed with xz"),
        ("alice.tar.bz2", b"BZh91AY", "is packed with bzip2"),
        ("alice.zip", b"hello", "is no archive that can be read"),
        ("alice.zip", b"PK\x03\x04" + b"\x00" * 100, "is damaged or incomplete"),
        ("alice.zip", zipped(PLAIN)[:-30], "is damaged or incomplete"),
        ("alice.zip", zipped(PLAIN)[:150], "is damaged or incomplete"),
        ("alice.tgz", gzip.compress(b"hello"), "is damaged or incomplete"),
        ("alice.tgz", b"\x1f\x8b" + b"\x00" * 50, "is damaged or incomplete"),
        ("alice.zip", zipped([]), "holds no file"),
        ("alice.tgz", tarred([]), "holds no file"),
        ("alice.zip", zipped([("ex06/", b"")]), "holds no file"),
        ("alice.py.gz", gzip.compress(b"# ex06_x"), "is damaged or incomplete"),
    ],
    ids=count(),  # the bytes hold the time, and every process must give a test the same name
)
def test_what_is_no_archive_is_one_sentence(graded, name, data, words):
    texts, (problem,) = graded(name, data)
    assert texts == {}
    assert problem.startswith(name)
    assert words in problem


def test_what_came_before_the_damage_counts(graded):
    noise = bytes(i * i % 251 for i in range(200_000))
    data = tarred([("ex06.py", b"6"), ("noise.bin", noise), ("ex07.py", b"7")])
    texts, problems = graded("alice.tar.gz", data[: len(data) * 2 // 3])
    assert texts == {SIX: "6"}
    assert "is damaged or incomplete" in problems[0]


def test_a_wrong_checksum_costs_that_file_alone(graded):
    data = zipped([("ex06.py", b"x = 111"), ("ex07.py", b"7")], zipfile.ZIP_STORED).replace(b"x = 111", b"x = 112", 1)
    texts, problems = graded("alice.zip", data)
    assert texts[SEVEN] == "7"
    assert problems == [texts[SIX]]
    assert "is damaged in its archive (Bad CRC-32" in texts[SIX]


def test_an_encrypted_file_says_so(graded):
    data = bytearray(zipped([("ex06.py", b"6"), ("ex07.py", b"7")]))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    texts, problems = graded("alice.zip", bytes(data))
    assert texts[SEVEN] == "7"
    assert problems == ["ex06.py is encrypted: hand it in without a password"]


def test_the_same_name_twice_counts_once(graded):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped([("ex06.py", b"first"), ("ex06.py", b"second")])
    assert graded("alice.zip", data) == (
        {SIX: "second"},
        ["alice.zip holds ex06.py more than once: the last one counts"],
    )


def test_overlapping_files_are_refused(graded):
    data = zipped([("ex06.py", b"6" * 50), ("ex07.py", b"7" * 50)], zipfile.ZIP_STORED)
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data = data[: second + 42] + struct.pack("<L", 0) + data[second + 46 :]  # both begin at the same place
    texts, problems = graded("alice.zip", data)
    assert texts == {}
    assert "its files overlap" in problems[0]


def test_names_that_are_no_utf_8_do_no_harm(graded):
    data = zipped([("\u00fc/ex06.py", b"6")]).replace("\u00fc".encode(), b"\xff\xfe")
    assert graded("alice.zip", data)[1] != []


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
def test_names_in_a_tar_that_are_no_utf_8_do_no_harm(graded, tmp_path, worker_session, exercise):
    member = tarfile.TarInfo("\udcff/ex06.py")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(member)
    assert graded("alice.tgz", buffer.getvalue()) == ({SIX: ""}, [])
    file = read(tmp_path / "class", EXERCISES).entries[0].files[SIX]
    assert file.name == "\\udcff/ex06.py"
    assert worker_session.run(exercise(6), file).verdict == "fail"


def test_a_date_that_is_none_does_no_harm(graded):
    info = zipfile.ZipInfo("ex06.py", (1980, 1, 1, 0, 0, 0))
    data = zipped([(info, b"6")])
    at = data.index(b"PK\x01\x02") + 14
    assert graded("alice.zip", data[:at] + b"\xff\xff" + data[at + 2 :]) == ({SIX: "6"}, [])


# ------------------------------------------------------------------------------------------ bombs


def peak(action):
    """The most memory that Python held meanwhile."""
    tracemalloc.start()
    try:
        result = action()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


ZEROS = bytes(32 << 20)


@pytest.mark.parametrize("name", ["ex06.py", "ex06.ipynb", "inner.zip", "data.bin"])
def test_a_zip_bomb_is_not_unpacked(graded, name):
    data = zipped([(name, ZEROS), ("ex07.py", b"7")])
    (texts, problems), memory = peak(lambda: graded("alice.zip", data))
    assert texts[SEVEN] == "7"
    assert len(problems) == 1
    assert memory < 8 << 20


def test_a_file_that_lies_about_its_size_is_damaged(graded):
    data = zipped([("ex06.py", ZEROS), ("ex07.py", b"7")])
    data = data.replace(struct.pack("<L", len(ZEROS)), struct.pack("<L", 100))
    (texts, problems), memory = peak(lambda: graded("alice.zip", data))
    assert texts[SEVEN] == "7"
    assert "is damaged in its archive" in problems[0]
    assert memory < 8 << 20


@pytest.mark.parametrize("name", ["ex06.py", "ex06.ipynb", "data.bin"])
def test_a_packed_tar_bomb_is_stopped(graded, name):
    data = tarred([("ex07.py", b"7"), (name, ZEROS)])
    (texts, problems), memory = peak(lambda: graded("alice.tgz", data))
    assert texts[SEVEN] == "7"
    assert problems[0] == "alice.tgz unpacks to more than 200 times its size: what came after was left out"
    assert memory < 16 << 20


def test_archives_in_archives_end_somewhere(graded):
    data = zipped([("ex06.py", b"6")])
    for _ in range(4):
        data = zipped([("ex07.py", b"7"), ("inner.zip", data)])
    texts, problems = graded("alice.zip", data)
    assert texts == {SEVEN: "7"}
    assert "alice.zip/inner.zip/inner.zip/inner.zip lies in 3 archives and was not opened" in problems


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_more_files_than_anybody_hands_in(graded, kind, monkeypatch):
    monkeypatch.setattr("grader.submissions.bounds.MAX_FILES", 50)
    files = [("ex06.py", b"6"), *((f"{number}.py", b"") for number in range(100))]
    texts, problems = graded(f"alice.{kind}", zipped(files) if kind == "zip" else tarred(files))
    assert texts == {SIX: "6"}
    assert problems[0] == f"alice.{kind} holds more files than are looked at: those beyond were left out"


def test_a_list_of_files_that_is_too_long_is_not_read(graded, monkeypatch):
    monkeypatch.setattr("grader.submissions.bounds.MAX_DIRECTORY", 70_000)
    data = zipped([(f"{number:0500}.py", b"") for number in range(300)])
    _, (problem,) = graded("alice.zip", data)
    assert problem == "alice.zip holds more files than are looked at: hand in the exercise files alone"


def test_all_archives_of_a_submission_share_their_bounds():
    bounds = Bounds()
    bounds.keep(60 << 20)
    with pytest.raises(Unreadable, match="more than 64 MB of code"):
        bounds.keep(5 << 20)
    with pytest.raises(Unreadable, match="unpacks to more than 256 MB"):
        bounds.unpack(257 << 20)


def test_notebooks_are_read_up_to_a_bound(graded, monkeypatch):
    monkeypatch.setattr("grader.submissions.selection.MAX_NOTEBOOK", 100)
    files = [(f"ex0{number}.ipynb", b'{"cells": []}'.ljust(90)) for number in (5, 6, 7)]
    texts, problems = graded("alice.zip", zipped(files))
    assert texts[SIX] == "ex06.ipynb cannot be read: it has no code cells"
    assert texts[SEVEN] == "ex07.ipynb was not read: 200 bytes of notebooks were read before it"
    assert texts[SEVEN] in problems


def test_unnamed_files_are_read_up_to_a_bound(graded, monkeypatch):
    monkeypatch.setattr("grader.submissions.selection.MAX_UNNAMED", 1000)
    files = [(f"{number:02}.py", b"#" * 100) for number in range(20)]
    texts, problems = graded("alice.zip", zipped([*files, ("99.py", b"# ex06_x"), ("ex07.py", b"7")]))
    assert texts == {SEVEN: "7"}
    assert "belong to no exercise" in problems[0]
