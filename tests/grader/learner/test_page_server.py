"""The page beside the editor, asked without a browser: who gets it, what it says, what an answer is worth."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from werkzeug.test import Client

from grader.kit.discovery import Kit
from grader.learner.page_server import Board, Pages, PageServer
from grader.learner.progress import Progress
from grader.results.verdicts import ExerciseResult, Outcome
from grader.system import WINDOWS
from tests.grader.support.kits import copy_kit

HOSTILE = "</pre><script>document.title = 'taken'</script><img src=x onerror=alert(1)>"


@pytest.fixture
def kit(tmp_path):
    return Kit(copy_kit(tmp_path / "kit", only={6}))


@pytest.fixture
def looked():
    return []


@pytest.fixture
def pages(kit, looked):
    return Pages(kit, Board(), looked.append)


@pytest.fixture
def client(pages):
    return Client(pages)


def ask(client, path, **how):
    return client.open(path, base_url="http://127.0.0.1:8000", **how)


def failing():
    said = Outcome("test_a", "a title", "cpu", "fail", 0.0, 1.0, HOSTILE, output=HOSTILE)
    return ExerciseResult("ex06_self_attention", "fail", 2.5, 10.0, [said])


def test_without_the_token_everything_is_refused(client, pages):
    for path in ("/", "/6/", "/wrong/6/", "/wrong/6/verdict", "/wrong/", f"/{pages.token}x/6/", f"/{pages.token}"):
        answer = ask(client, path, follow_redirects=False)
        assert answer.status_code in (403, 308), path
        assert "Exercise" not in answer.text
    assert ask(client, "/wrong/6/answer", method="POST", json={}).status_code == 403


def test_another_name_for_this_machine_is_refused(client, pages):
    for host in ("evil.example:8000", "localhost:8000", "127.0.0.1.evil.example:8000", "127.0.0.1"):
        assert client.get(f"/{pages.token}/6/", headers={"Host": host}).status_code == 403


def test_a_page_holds_the_lesson_and_may_load_nothing(client, pages, looked):
    answer = ask(client, f"/{pages.token}/6/")
    assert answer.status_code == 200
    assert [one.number for one in looked] == [6]
    assert "self-attention in five steps" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_first_address_leads_to_the_first_exercise(client, pages):
    answer = ask(client, f"/{pages.token}/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "6/")


def test_what_is_not_there_is_not_found(client, pages):
    assert ask(client, f"/{pages.token}/7/").status_code == 404


def test_a_new_verdict_is_waited_for(client, pages, kit):
    seen = json.loads(ask(client, f"/{pages.token}/6/verdict?seen=-1").text)
    assert (seen["number"], seen["card"]) == (0, "")
    exercise = kit.exercises[0]
    post = threading.Thread(target=pages._board.post_verdict, args=(exercise, failing(), b"x = 1\n", 7))
    post.start()
    news = json.loads(ask(client, f"/{pages.token}/6/verdict?seen=0").text)
    post.join()
    assert news["number"] == 1
    assert news["said"] == "fail, 2.5 of 10 points"
    assert "<script" not in news["card"]
    assert "<img" not in news["card"]
    assert "&lt;script&gt;" in news["card"]


def test_what_is_right_so_far_is_no_failure(client, pages, kit):
    (exercise,) = kit.exercises
    passed, waiting = (
        Outcome("test_a", "a title", "cpu", verdict, 1.0, of=name)
        for verdict, name in (("pass", "project_qkv"), ("unwritten", "attention_scores"))
    )
    half = ExerciseResult(exercise.slug, "fail", 1.0, 10.0, [passed, waiting])
    pages._board.post_core(exercise, half, b"x = 1\n", 7)
    assert pages._board.newest(exercise.slug).said == "core checks: to do; checking the robust ones ..."
    pages._board.post_verdict(exercise, half, b"x = 1\n", 7)
    news = pages._board.newest(exercise.slug)
    assert news.said == "to do, 1 of 10 points"
    assert 'unwritten">to do</span> <code>ex06_self_attention' in news.card
    assert 'verdict fail"' not in news.card
    assert "project_qkv 1/1 \u00b7 attention_scores to do" in news.card


def test_what_the_core_checks_say_is_no_verdict(client, pages, kit):
    (exercise,) = kit.exercises
    named = [replace(one, of="attention_scores") for one in failing().outcomes]
    pages._board.post_core(exercise, replace(failing(), outcomes=named), b"x = 1\n", 7)
    news = json.loads(ask(client, f"/{pages.token}/6/verdict?seen=0").text)
    assert news["said"] == "core checks: fail; checking the robust ones ..."
    assert "attention_scores 0/1" in news["card"]
    assert "0 of 1 core checks pass, 1 fails:" in news["card"]
    assert "points" not in news["card"], "they are known at the end"
    right = Outcome("test_a", "a title", "cpu", "pass", 1.0, of="attention_scores")
    pages._board.post_core(exercise, ExerciseResult(exercise.slug, "pass", 10.0, 10.0, [right]), b"x = 1\n", 7)
    news = json.loads(ask(client, f"/{pages.token}/6/verdict?seen={news['number']}").text)
    assert "attention_scores 1/1" in news["card"]
    assert "1 of 1 core checks pass." in news["card"]
    assert "points" not in news["card"]


def test_at_the_end_nobody_waits(client, pages):
    pages._board.close()
    assert json.loads(ask(client, f"/{pages.token}/6/verdict?seen=0").text)["number"] == 0


def answered(client, pages, question, typed):
    return ask(client, f"/{pages.token}/6/answer", method="POST", json={"question": question, "typed": typed})


def test_an_answer_is_judged_and_remembered(client, pages, kit):
    assert json.loads(answered(client, pages, 0, "0.3").text)["right"] is False
    entry = Progress.read(kit.root).entry("ex06_self_attention")
    assert [known["missed"] for known in entry["questions"].values()] == [True]
    assert json.loads(answered(client, pages, 0, "1/5").text)["right"] is True
    entry = Progress.read(kit.root).entry("ex06_self_attention")
    assert [known["missed"] for known in entry["questions"].values()] == [False]
    assert json.loads(answered(client, pages, 0, "much").text) == {"right": None, "said": "This takes a number."}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"question": 99, "typed": "1"}',
        b'{"question": 0, "typed": 1}',
        b"[" * 4000,
        b"1" * 5000,
    ],
)
def test_what_is_no_answer_is_refused(client, pages, body):
    answer = ask(client, f"/{pages.token}/6/answer", method="POST", data=body, content_type="application/json")
    assert answer.status_code == 400


def test_it_is_served_on_this_machine_alone_and_ends(kit, capsys):
    server = PageServer(kit)
    try:
        address = server.address(kit.exercises[0])
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert b"five steps" in answer.read()
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.replace(server._pages.token, "guess"), timeout=30)
    finally:
        server.close()
    assert capsys.readouterr() == ("", "")
    with pytest.raises(OSError, match=r"refused|reset"):
        urllib.request.urlopen(address, timeout=30)


@pytest.mark.skipif(WINDOWS, reason="there Ctrl-C is sent to a whole console")
def test_the_command_prints_an_address_and_leaves_nothing_behind(kit):
    settings = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "grader", "open", "6"]
    with subprocess.Popen(
        command, cwd=kit.root, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "self-attention in five steps" in process.stdout.readline()
        address = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{address}verdict?seen=-1", timeout=60) as answer:
            assert json.loads(answer.read())["number"] == 0  # no page was opened, so nothing was checked
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
    with pytest.raises(OSError, match=r"refused|reset"):
        urllib.request.urlopen(address, timeout=30)
