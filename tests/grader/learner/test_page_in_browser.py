"""`grader open` in a real browser: every exercise is shown whole, saves are followed, and nothing else runs."""

import re

import pytest

from grader.kit import questions
from grader.kit.discovery import Kit
from grader.kit.lesson import Formula, Picture, parts
from grader.learner.follow_saves import SaveFollower
from grader.learner.page_server import PageServer
from tests.grader.support import browser
from tests.grader.support.kits import copy_kit

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium on this machine")
HOSTILE = "</pre><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
SIDEWAYS = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    return Kit(copy_kit(tmp_path_factory.mktemp("open") / "kit"))


@pytest.fixture(scope="module")
def quiet(kit):
    """The pages, where nobody checks."""
    server = PageServer(kit)
    yield server
    server.close()


def wait_until(chromium, condition):
    """The page itself says when: it waits for what it shows to change."""
    script = f"""new Promise((done) => {{
        const look = () => {{ if ({condition}) {{ watch.disconnect(); done(true); }} }};
        const watch = new MutationObserver(look);
        watch.observe(document.body, {{ subtree: true, childList: true, characterData: true }});
        look();
    }})"""
    found = chromium.do("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
    assert found["result"]["value"] is True


@pytest.mark.parametrize("number", range(1, 13))
def test_a_page_shows_mathematics_pictures_and_questions(chromium, kit, quiet, number):
    exercise = kit.find([str(number)])[0]
    chromium.look()
    chromium.open(quiet.address(exercise))
    shown = parts(exercise)
    pictures = [part.is_drawn for part in shown if isinstance(part, Picture)]
    seen = "[...document.querySelectorAll('{}')].filter(e => e.getBoundingClientRect().width > 20).length"
    assert chromium.run(seen.format(".formula math")) == sum(isinstance(part, Formula) for part in shown)
    assert chromium.run(seen.format(".picture svg")) == pictures.count(True)
    assert chromium.run(seen.format(".picture img")) == pictures.count(False)
    assert chromium.run(seen.format(".ask")) == len(questions.read(exercise.questions)) == 5
    assert not re.search(r"\\[a-z]|\$\$|<!--", chromium.run("document.querySelector('.lesson').innerText"))
    assert chromium.errors == []
    assert {url.split("/", 3)[2] for url in chromium.requests if not url.startswith("data:")} == {
        quiet.address(exercise).split("/", 3)[2]
    }
    for scheme in ("light", "dark"):
        chromium.look(width=360, scheme=scheme)
        assert chromium.run(SIDEWAYS) <= 360


def test_an_answer_is_checked_in_the_page_by_keyboard(chromium, kit, quiet):
    chromium.look()
    chromium.open(quiet.address(kit.find(["6"])[0]))
    box = "document.querySelector('form[data-question] input[type=text]')"
    chromium.run(f"{box}.value = '0.3'; {box}.form.requestSubmit()")
    status = "document.querySelector('form[data-question] [role=status]').textContent"
    wait_until(chromium, f"{status} === 'No. Think again, or look.'")
    chromium.run(f"{box}.value = '0.2'; {box}.form.requestSubmit()")
    wait_until(chromium, f"{status} === 'Right. Look below for the reason.'")
    assert chromium.run("document.querySelectorAll('.ask details:not([open])').length") == 5
    chromium.press("Tab")
    assert chromium.run("document.activeElement.textContent") == "Skip to the content"
    assert chromium.errors == []


def test_the_page_follows_saves_and_what_code_prints_stays_text(chromium, kit):
    exercise = kit.find(["6"])[0]
    follower = SaveFollower(kit, 7)
    server = PageServer(kit, follower.look, follower.board)
    said = "document.getElementById('said').textContent"
    try:
        chromium.look()
        chromium.open(server.address(exercise))
        wait_until(chromium, f"{said}.startsWith('unwritten')")
        solution = exercise.solution.read_text(encoding="utf-8")
        unscaled = solution.replace("scores / math.sqrt(d_k)", "scores")
        assert unscaled != solution
        printing = (
            unscaled + f"\n\nunscaled = attention_scores\n\n\ndef attention_scores(q, k):\n    print({HOSTILE!r})\n"
        )
        exercise.stub.write_text(f"{printing}    return unscaled(q, k)\n", encoding="utf-8")
        wait_until(chromium, f"{said}.startsWith('fail')")
        card = chromium.run("document.getElementById('card').innerText")
        assert "not divided by sqrt(d_k)" in card
        assert HOSTILE in chromium.run("document.getElementById('card').textContent")
        assert chromium.run("document.querySelectorAll('#card script, #card img').length") == 0
        exercise.stub.write_text(solution, encoding="utf-8")
        wait_until(chromium, f"{said}.startsWith('pass')")
        assert chromium.run("document.title") == "6: self-attention in five steps"
        assert chromium.errors == []
        server.close()
        wait_until(chromium, f"{said}.startsWith('The grader has ended')")
    finally:
        server.close()
        follower.close()
