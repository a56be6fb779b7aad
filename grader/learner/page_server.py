"""Serves the page beside the editor on 127.0.0.1, to whoever has the token. Imports no torch.

Werkzeug serves it: it is kept by those who keep Jinja and Click, needs nothing that they do not bring, runs in a thread
of this process, and its test client asks the same application without a port.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from grader.kit import hints, questions
from grader.kit.discovery import Exercise, Kit
from grader.learner import verdict_card
from grader.learner.progress import Progress
from grader.learner.questions import remember
from grader.reports import lesson_page
from grader.results import summary
from grader.results.verdicts import ExerciseResult
from grader.source.file import File
from grader.text import plain

HOST = "127.0.0.1"
PATIENCE = 20.0
"""Seconds that a page's question for news waits: then it asks again."""
LONGEST = 4096
"""Bytes of an answer that a page sends."""


@dataclass(frozen=True)
class News:
    """What is known of an exercise's code by now.

    Args:
        number: grows with everything that is new.
        said: the verdict in a line.
        card: the verdict as HTML.
    """

    number: int = 0
    said: str = "Your file is being checked ..."
    card: str = ""


class Board:
    """The newest verdict of each exercise; whoever waits for the next one gets it at once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._news: dict[str, News] = {}
        self._count = 0
        self._over = False

    def newest(self, slug: str) -> News:
        with self._changed:
            return self._news.get(slug, News())

    def post(self, slug: str, said: str, card: str = "") -> None:
        with self._changed:
            self._count += 1
            self._news[slug] = News(self._count, said, card)
            self._changed.notify_all()

    def post_verdict(self, exercise: Exercise, result: ExerciseResult, text: bytes, seed: int) -> None:
        """The verdict on a text, as its page shows it."""
        card = self._card(exercise, result, text, seed)
        score = "" if result.score is None else f", {plain(result.score)} of {plain(result.max_score)} points"
        self.post(exercise.slug, f"{summary.word(result)}{score}", card)

    def post_core(self, exercise: Exercise, result: ExerciseResult, text: bytes, seed: int) -> None:
        """What the core checks say, while the others are at work: the verdict takes its place."""
        card = self._card(exercise, result, text, seed, core=True)
        self.post(exercise.slug, f"{summary.CORE_CHECKS}: {summary.word(result)}; checking the robust ones ...", card)

    @staticmethod
    def _card(exercise: Exercise, result: ExerciseResult, text: bytes, seed: int, *, core: bool = False) -> str:
        file = File(exercise.stub.name, text)
        return verdict_card.card(result, file, seed, hints.read(exercise.hints), core=core)

    def wait(self, slug: str, seen: int, seconds: float) -> News:
        """What is newer than `seen`; after so many seconds, or at the end, what there is."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._news.get(slug, News()).number != seen, seconds)
            return self._news.get(slug, News())

    def close(self) -> None:
        """Nobody waits any longer."""
        with self._changed:
            self._over = True
            self._changed.notify_all()


class Pages:
    """The application: a page for each exercise, its newest verdict, and an ear for answers.

    Args:
        kit: the course.
        board: where verdicts are posted.
        look: is told which exercise a page was opened for.
    """

    def __init__(self, kit: Kit, board: Board, look: Callable[[Exercise], None]) -> None:
        self.token = secrets.token_urlsafe(24)
        self._kit, self._board, self._look = kit, board, look
        self._rules = Map(
            [
                Rule("/<token>/", endpoint="first"),
                Rule("/<token>/<int:number>/", endpoint="page"),
                Rule("/<token>/<int:number>/verdict", endpoint="verdict"),
                Rule("/<token>/<int:number>/answer", endpoint="answer", methods=["POST"]),
            ],
            strict_slashes=True,
        )

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        try:
            response = self._response(request)
        except HTTPException as error:
            response = Response(f"{error.description}\n", error.code, mimetype="text/plain")
        for name, value in (
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            response.headers[name] = value
        return response(environ, start_response)

    def _response(self, request: Request) -> Response:
        """Raises an HTTPException that says why not."""
        host = request.environ.get("HTTP_HOST", "").rpartition(":")[0]
        if host != HOST:  # a name that somebody made to lead here
            raise Forbidden(f"This page has no name but {HOST}.")
        try:
            endpoint, found = self._rules.bind_to_environ(request.environ).match()
        except NotFound:
            raise Forbidden("The address that the grader printed has a token in it: use that one.") from None
        if not hmac.compare_digest(str(found["token"]).encode(), self.token.encode()):
            raise Forbidden("The address that the grader printed has a token in it: use that one.")
        if endpoint == "first":
            return Response(status=302, headers={"Location": f"{self._kit.exercises[0].number}/"})
        exercise = next((one for one in self._kit.exercises if one.number == found["number"]), None)
        if exercise is None:
            raise NotFound("There is no such exercise.")
        answer: Response = getattr(self, f"_{endpoint}")(request, exercise)
        return answer

    def _page(self, request: Request, exercise: Exercise) -> Response:
        self._look(exercise)
        news = self._board.newest(exercise.slug)
        text, policy = lesson_page.page(exercise, self._kit.exercises, news.number, news.said, news.card)
        response = Response(text, mimetype="text/html")
        response.headers["Content-Security-Policy"] = policy
        return response

    def _verdict(self, request: Request, exercise: Exercise) -> Response:
        news = self._board.wait(exercise.slug, request.args.get("seen", -1, type=int), PATIENCE)
        return _json(vars(news))

    def _answer(self, request: Request, exercise: Exercise) -> Response:
        """Judges what was typed and remembers whether it was right."""
        if (request.content_length or LONGEST + 1) > LONGEST:
            raise BadRequest("An answer is short.")
        try:
            asked = json.loads(request.get_data())
            number, typed = asked["question"], asked["typed"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadRequest("This is no answer.") from None
        known = questions.read(exercise.questions)
        if not (isinstance(number, int) and 0 <= number < len(known) and isinstance(typed, str)):
            raise BadRequest("This is no answer.")
        question = known[number]
        right = question.accepts(typed)
        if right is None:
            return _json({"right": None, "said": f"This takes {question.expects}."})
        remember(Progress.read(self._kit.workspace), exercise, question, right=right)
        return _json(
            {"right": right, "said": "Right. Look below for the reason." if right else "No. Think again, or look."}
        )


def _json(value: dict[str, Any]) -> Response:
    return Response(json.dumps(value), mimetype="application/json")


class _Quiet(WSGIRequestHandler):
    """Says nothing of each request: the terminal is the learner's."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  (the library's own word)
        pass


class PageServer:
    """The pages of a course, served by a thread until `close`.

    Args:
        kit: the course.
        look: is told which exercise a page was opened for; the loop, which checks by itself, needs none.
        board: where verdicts are posted.
    """

    def __init__(self, kit: Kit, look: Callable[[Exercise], None] = lambda _: None, board: Board | None = None) -> None:
        self.board = board or Board()
        self._pages = Pages(kit, self.board, look)
        self._server = make_server(HOST, 0, self._pages, threaded=True, request_handler=_Quiet)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def address(self, exercise: Exercise) -> str:
        """Where a browser finds an exercise's page; the token is part of it."""
        return f"http://{HOST}:{self._server.server_port}/{self._pages.token}/{exercise.number}/"

    def close(self) -> None:
        self.board.close()
        self._server.shutdown()
        self._server.server_close()
