"""The command line. Imports no torch: that is for the commands that need it."""

from __future__ import annotations

import os
import re
import sys
import traceback
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import grader
from grader.errors import GraderError, UsageError
from grader.kit.discovery import Kit
from grader.kit.requirements import unmet
from grader.reports.crash_report import own_failure

if TYPE_CHECKING:
    from grader.grading.output import Exports

DEVICES = click.Choice(["auto", "cpu", "cuda", "mps"])
SEED = click.IntRange(min=0)


def _exercise_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """What the shell may complete `EX` to: names, or numbers where one was begun."""
    slugs = [exercise.slug for exercise in Kit().exercises]
    names = slugs if begun.startswith("ex") or not begun else [slug[5:] for slug in slugs]
    numbers = [str(int(slug[2:4])) for slug in slugs]
    return [name for name in (numbers if begun.isdigit() else names) if name.startswith(begun)]


EXPORTS = click.Choice(["canvas", "moodle", "gradescope", "junit"])
INTO = "Fill in a gradebook exported from Canvas, or a grading worksheet of Moodle. Repeatable."
COLUMN = "The gradebook's column for the score, or for an exercise: a title or a number. Repeatable."
EXIT_USAGE, EXIT_GRADER, EXIT_BROKEN_PIPE = 2, 3, 141
CHECKING = ("check", "grade", "notebook", "open", "verify", "watch")
"""Commands that run checks, or write what does. `doctor` says itself what is missing."""


class _Group(click.Group):
    """Turns our exceptions into exit statuses."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except UsageError as error:
            click.echo(f"grader: {error}", err=True)
            raise SystemExit(EXIT_USAGE) from None
        except BrokenPipeError:  # whoever read the output has gone: `grader grade ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(EXIT_BROKEN_PIPE) from None
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            what = str(error) if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
            click.echo(own_failure(Kit().reports_folder, what, traceback.format_exc()), err=True)
            raise SystemExit(EXIT_GRADER) from None


@click.group(cls=_Group, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(grader.__version__, prog_name="grader")
@click.pass_context
def main(context: click.Context) -> None:
    """Learn sequence models by writing them: read a lesson, fill a stub, save it.

    Without a command: the watch loop on a terminal; elsewhere the list of exercises, and what to do next.
    """
    if context.invoked_subcommand in (None, *CHECKING) and (lacking := unmet()):
        raise UsageError("; ".join(lacking))
    if context.invoked_subcommand is not None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        from grader.learner.watch import watch

        raise SystemExit(watch(None, device="cpu", seed=None))
    from grader.learner.commands import show_list

    show_list(then_what=True)


@main.command("watch")
@click.argument("exercise", metavar="[EX]", required=False, shell_complete=_exercise_names)
@click.option("--device", type=DEVICES, default="cpu", show_default=True, help="Where your code works: on cpu at once.")
@click.option("--seed", type=SEED, help="Repeat a run exactly. [default: a fresh one]")
def watch_command(exercise: str | None, device: str, seed: int | None) -> None:
    """Check an exercise whenever you save it; without EX the first that does not pass."""
    from grader.learner.watch import watch

    raise SystemExit(watch(exercise, device=device, seed=seed))


@main.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
def init_command(folder: Path) -> None:
    """Make a folder with the exercises and their lessons, to work in; every command works from there."""
    from grader.learner.commands import init

    init(folder)


@main.command("list")
def list_command() -> None:
    """Show every exercise and its state."""
    from grader.learner.commands import show_list

    show_list()


@main.command("check")
@click.argument("exercises", metavar="[EX]...", nargs=-1, shell_complete=_exercise_names)
@click.option("--target", type=click.Path(path_type=Path), help="The folder to check. [default: exercises/]")
@click.option(
    "--device", type=DEVICES, default="auto", show_default=True, help="Where your code runs. cpu starts fastest."
)
@click.option("--seed", type=SEED, help="Repeat a run exactly. [default: a fresh one]")
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Also write the results as JSON to FILE (- for standard output).",
)
@click.option("--all", "every_check", is_flag=True, help="List every check.")
@click.option("--problems", is_flag=True, help="One line for each failure, for an editor: FILE:LINE: what is wrong.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds per check.")
@click.option(
    "--transport",
    type=click.Choice(["worker", "local"]),
    default="worker",
    show_default=True,
    help="worker: run your code in a process of its own; local: in this one, so that debuggers work.",
)
def check_command(exercises: tuple[str, ...], **options: Any) -> None:
    """Check exercises: EX is a number, a name or its beginning; none means all. Or a file: a notebook, say.

    Exit status: 0 all pass, 1 something fails or is unwritten, 2 wrong usage, 3 the grader failed.
    """
    from grader.cli.check import check

    raise SystemExit(check(exercises, **options))


def _red_team(context: click.Context, parameter: click.Parameter, exercise: str | None) -> None:
    if exercise is None or context.resilient_parsing:
        return
    from grader.dev.red_team import run
    from grader.kit.discovery import Kit

    kit = Kit()
    raise SystemExit(run(kit, kit.find([exercise]) if exercise else kit.exercises[:1], click.echo))


class _ManyValues(click.Command):
    """A command whose --exercises takes several values: --exercises 6 7."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(context, _spread(args))


def _spread(words: list[str]) -> list[str]:
    """`--exercises 6 7` as `--exercises 6 --exercises 7`: whatever after the first looks like an exercise is one."""
    found: list[str] = []
    taking = False
    for word in words:
        if taking and re.fullmatch(r"\d{1,2}|ex\d\d\w*", word):
            found += ["--exercises", word]
        else:
            found.append(word)
            taking = found[-2:-1] == ["--exercises"]
    return found


def _columns(words: tuple[str, ...]) -> dict[str, str]:
    """`total` or a slug -> title or id, from `TITLE` and `EX=TITLE`. A title may hold = after what is no exercise."""
    found = {}
    for word in words:
        name, equals, title = word.partition("=")
        try:
            (exercise,) = Kit().find([name]) if equals else []
            found[exercise.slug] = title
        except (UsageError, ValueError):
            found["total"] = word
    return found


def _by_course(
    file: Path, name: str, exports: Exports, chosen: tuple[str, ...], seed: int | None, options: dict[str, Any]
) -> tuple[Exports, tuple[str, ...], int | None, dict[str, Any]]:
    """What course.toml says of an assignment, where the command line does not say otherwise."""
    from grader.grading import course as courses

    course = courses.read(file)
    one = course.assignment(name)
    columns = exports.columns or ({"total": one.column} if one.column else {})
    exports = replace(exports, course=course, assignment=one, columns=columns)
    feedback = options["feedback"] or course.feedback(one, datetime.now(timezone.utc))
    return exports, chosen or one.exercises, one.seed if seed is None else seed, {**options, "feedback": feedback}


@main.command("grade", cls=_ManyValues)
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where results go.")
@click.option("--dry-run", is_flag=True, help="Say whose every file is and which exercise, and run nothing.")
@click.option("--jobs", type=click.IntRange(min=1), help="How many at a time. [default: one for each core]")
@click.option("--device", type=DEVICES, help="Where the code works. [default: auto]")
@click.option("--seed", type=SEED, help="Repeat a run exactly. [default: the folder's, or a fresh one]")
@click.option("--timeout", type=click.FloatRange(min=0.1), help="Seconds per check. [default: 10]")
@click.option("--memory", type=click.IntRange(min=64), metavar="MB", help="Memory for the code. [default: 2048]")
@click.option(
    "--feedback",
    type=click.Choice(["full", "hidden"]),
    help="Messages with values, or with nothing that a seed or the code decides. [default: full]",
)
@click.option("--require-isolation", "require", metavar="LAYER[,LAYER]", help="Do nothing where a layer is missing.")
@click.option(
    "--red-team",
    is_flag=False,
    flag_value="",
    metavar="[EX]",
    is_eager=True,
    expose_value=False,
    callback=_red_team,
    help="Grade nothing: attack the grader with submissions for EX and say what was refused. [default: the first]",
)
@click.option("--fresh", is_flag=True, help="Grade everything anew, with a fresh seed.")
@click.option("--only", multiple=True, metavar="ID", help="Grade this submission alone, again. Repeatable.")
@click.option("--export", multiple=True, type=EXPORTS, help="Write what another product reads, too. Repeatable.")
@click.option("--into", multiple=True, type=click.Path(dir_okay=False, path_type=Path), help=INTO)
@click.option("--column", "columns", multiple=True, metavar="[EX=]TITLE", help=COLUMN)
@click.option("--exercises", multiple=True, metavar="EX [EX ...]", help="Grade these alone. [default: all]")
@click.option("--course", type=click.Path(dir_okay=False, path_type=Path), help="A course.toml: what becomes a mark.")
@click.option("--assignment", metavar="NAME", help="Which of its assignments. [default: as SUBMISSIONS is called]")
@click.option("--cluster", default="", metavar="ADDRESS|local:N", help="Grade on the workers of a Dask cluster.")
@click.option("--shard", metavar="I/N", help="Grade every N-th submission from the I-th on: `grader merge` joins them.")
def grade_command(
    submissions: Path,
    out: Path | None,
    dry_run: bool,
    jobs: int | None,
    seed: int | None,
    require: str | None,
    fresh: bool,
    only: tuple[str, ...],
    export: tuple[str, ...],
    into: tuple[Path, ...],
    columns: tuple[str, ...],
    exercises: tuple[str, ...],
    course: Path | None,
    assignment: str | None,
    cluster: str,
    shard: str | None,
    **options: Any,
) -> None:
    """Grade every submission in SUBMISSIONS. The same command goes on where a run was stopped.

    Exit status: 0 every submission has a result, 2 wrong usage, 3 some submission has none because of the grader.
    """
    if dry_run:
        from grader.kit.discovery import Kit
        from grader.submissions.dry_run import show

        return show(submissions, Kit(), click.echo, out)
    if out is None:
        raise click.UsageError("Missing option '--out': where results go.")
    from grader.grading.class_file import Shard
    from grader.grading.grade import GradeOptions, grade
    from grader.grading.output import Exports
    from grader.submissions.lms import without_extension

    layers = tuple(name.strip() for name in (require or "").split(",") if name.strip())
    share = Shard.read(shard) if shard else None
    chosen = tuple(word for words in exercises for word in words.split(",") if word)
    exports = Exports(export, into, _columns(columns))
    if course is not None:
        exports, chosen, seed, options = _by_course(
            course, assignment or without_extension(submissions.resolve().name), exports, chosen, seed, options
        )
    elif assignment is not None:
        raise click.UsageError("--assignment names one of a course.toml: say which with --course.")
    given = GradeOptions(seed, options, jobs, layers, fresh, only, exports, chosen, share, cluster)
    raise SystemExit(grade(submissions, out=out, options=given))


@main.command("merge")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Where the whole goes.")
@click.option("--export", multiple=True, type=EXPORTS, help="Write what another product reads, too. Repeatable.")
@click.option("--into", multiple=True, type=click.Path(dir_okay=False, path_type=Path), help=INTO)
@click.option("--column", "columns", multiple=True, metavar="[EX=]TITLE", help=COLUMN)
@click.option("--course", type=click.Path(dir_okay=False, path_type=Path), help="A course.toml: what becomes a mark.")
@click.option("--assignment", metavar="NAME", help="Which of its assignments. [default: as SUBMISSIONS is called]")
def merge_command(
    folders: tuple[Path, ...],
    out: Path,
    export: tuple[str, ...],
    into: tuple[Path, ...],
    columns: tuple[str, ...],
    course: Path | None,
    assignment: str | None,
) -> None:
    """Join the results of all shards of a class: the same as one run, but for times.

    Exit status: 0 every submission has a result, 2 they are not all shards of one class, 3 some submission has no
    result because of the grader.
    """
    from grader.grading.merge import merge
    from grader.grading.output import Exports

    exports = Exports(export, into, _columns(columns))
    if course is not None:
        from grader.grading.class_file import ClassFile
        from grader.submissions.lms import without_extension

        name = assignment or without_extension(ClassFile.read(folders[0]).name)
        exports, *_ = _by_course(course, name, exports, (), None, {"feedback": None})
    raise SystemExit(merge(folders, out, exports))


@main.command("package", cls=_ManyValues)
@click.argument("platform", type=click.Choice(["gradescope", "classroom50", "actions", "prairielearn"]))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A folder, or a file that ends in .zip.")
@click.option("--exercises", multiple=True, metavar="EX [EX ...]", help="These alone. [default: all]")
@click.option("--seed", type=SEED, help="What every submission's inputs follow from. [default: a fresh one]")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds per check.")
@click.option("--memory", type=click.IntRange(min=64), default=192, show_default=True, help="Megabytes for the code.")
@click.option(
    "--feedback",
    type=click.Choice(["full", "hidden"]),
    default="hidden",
    show_default=True,
    help="Messages with values, or with nothing that the seed decides: whoever may hand in again learns from these.",
)
@click.option(
    "--visibility",
    type=click.Choice(["visible", "after_due_date", "after_published", "hidden"]),
    default="visible",
    show_default=True,
    help="When Gradescope shows the tests; where it hides one it hides the score.",
)
@click.option("--kit", default="", metavar="WHAT", help="What pip installs as the kit. [default: it is in the package]")
def package_command(
    platform: str, out: Path, exercises: tuple[str, ...], seed: int | None, kit: str, **options: Any
) -> None:
    """Make what Gradescope, Classroom 50, GitHub Actions or PrairieLearn takes to grade with this kit."""
    from grader.cli.teaching.one_submission import Package
    from grader.cli.teaching.packages import Wanted, make
    from grader.judging.open import new_seed

    words = [word for some in exercises for word in some.split(",") if word]
    chosen = tuple(exercise.slug for exercise in Kit().find(words)) if words else ()
    make(platform, out, Wanted(Package(chosen, new_seed() if seed is None else seed, **options), kit))


@main.command("release", cls=_ManyValues)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--exercises", multiple=True, metavar="EX [EX ...]", help="These alone. [default: all]")
@click.option("--without-solutions/--with-solutions", default=True, help="For students, or for those who teach.")
@click.option("--kit", default="", metavar="WHAT", help="What pip installs the kit from, for the README in it.")
def release_command(folder: Path, exercises: tuple[str, ...], without_solutions: bool, kit: str) -> None:
    """Write the starter repository of a course: stubs, lessons, notebooks, and what an editor needs."""
    from grader.cli.teaching.release import KIT, release

    words = [word for some in exercises for word in some.split(",") if word]
    release(folder, words, solutions=not without_solutions, kit_at=kit or KIT)


@main.command("new")
@click.argument("topic")
def new_command(topic: str) -> None:
    """Write the files of the next exercise of the kit, with marks where something is to be filled in."""
    from grader.cli.teaching.new_exercise import new

    new(topic)


@main.command("similar")
@click.argument("results", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--submissions", type=click.Path(path_type=Path), help="Where they lie. [default: where they lay]")
@click.option(
    "--export",
    "exports",
    multiple=True,
    nargs=2,
    type=(click.Choice(["dolos", "jplag"]), click.Path(path_type=Path)),
    metavar="TOOL PATH",
    help="Write what it reads: a zip for dolos, a folder for jplag, with the stubs as what all were given. Repeatable.",
)
def similar_command(results: Path, submissions: Path | None, exports: tuple[tuple[str, Path], ...]) -> None:
    """Show which submissions in DIR share a rare way to be wrong, or rare words: places to look."""
    from grader.cli.teaching.similar import similar

    similar(results, submissions, dict(exports))


@main.command("verify")
@click.argument("results", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--only", multiple=True, metavar="ID", help="Grade this submission alone again. Repeatable.")
@click.option("--submissions", type=click.Path(path_type=Path), help="Where they lie. [default: where they lay]")
@click.option("--jobs", type=click.IntRange(min=1), help="How many at a time. [default: one for each core]")
def verify_command(results: Path, only: tuple[str, ...], submissions: Path | None, jobs: int | None) -> None:
    """Grade again what DIR holds the results of, with the same seed and options, and say whether anything differs.

    Exit status: 0 every result is the same to the byte, but for times, 1 one differs, 2 wrong usage, 3 the grader
    failed.
    """
    from grader.grading.verify import verify

    raise SystemExit(verify(results, only, submissions, jobs))


@main.command("lesson")
@click.argument("exercise", metavar="EX", shell_complete=_exercise_names)
def lesson_command(exercise: str) -> None:
    """Read the lesson of an exercise."""
    from grader.learner.commands import show_lesson

    show_lesson(exercise)


@main.command("open")
@click.argument("exercise", metavar="[EX]", required=False, shell_complete=_exercise_names)
def open_command(exercise: str | None) -> None:
    """Open a page with the lesson, its pictures and questions, and the verdict after each of your saves.

    It is served on 127.0.0.1 alone, until Ctrl-C; without EX for the exercise that you are at.
    """
    from grader.learner.follow_saves import open_page

    open_page(exercise)


@main.command("ask")
@click.argument("exercise", metavar="[EX]", required=False, shell_complete=_exercise_names)
def ask_command(exercise: str | None) -> None:
    """Be asked about a lesson, and about earlier ones; without EX about the exercise that you are at."""
    from grader.learner.questions import ask_command

    ask_command(exercise)


@main.command("hint")
@click.argument("exercise", metavar="EX", shell_complete=_exercise_names)
@click.argument("check", required=False)
def hint_command(exercise: str, check: str | None) -> None:
    """Show the next hint for the check that fails first, or for CHECK (some words of its name)."""
    from grader.learner.commands import show_hint

    show_hint(exercise, check)


@main.command("solution")
@click.argument("exercise", metavar="EX", shell_complete=_exercise_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
def solution_command(exercise: str, yes: bool) -> None:
    """Show the solution of an exercise. Asks first unless the exercise passes."""
    from grader.learner.commands import show_solution

    show_solution(exercise, yes=yes, ask=click.confirm)


@main.command("reset")
@click.argument("exercise", metavar="EX", shell_complete=_exercise_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset_command(exercise: str, yes: bool) -> None:
    """Put the stub of an exercise back. Your file is kept."""
    from grader.learner.commands import reset

    reset(exercise, yes=yes, ask=click.confirm)


@main.command("notebook")
@click.argument("exercises", metavar="[EX]...", nargs=-1, shell_complete=_exercise_names)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="The folder. [default: notebooks/]")
def notebook_command(exercises: tuple[str, ...], out: Path | None) -> None:
    """Write exercises as Jupyter notebooks, each with its lesson and a cell that checks."""
    from grader.notebooks.export import notebooks

    notebooks(exercises, out)


@main.command("lab")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--target", type=click.Path(path_type=Path), help="The folder of the code. [default: exercises/]")
@click.option("--quick/--full", default=True, help="A quick look, or all of it. [default: quick]")
@click.option("--seeds", type=click.IntRange(min=1, max=20), help="How many runs. [default: the lab's own number]")
@click.option("--device", type=click.Choice(["cpu", "cuda", "mps"]), default="cpu", show_default=True, help="Where.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where it goes. [default: labs/NAME]")
@click.option(
    "--mistake", metavar="NAME", help="A known mistake in your code's place: attention_scores__no_scaling, say."
)
@click.option(
    "--pairs", type=click.Path(dir_okay=False, path_type=Path), help="translate: learn SOURCE, tab, TRANSLATION."
)
@click.option("--numbers", is_flag=True, help="translate: learn Korean number words.")
@click.option("--locale", metavar="L", help="translate: dates into another language: de, ja, pt_BR.")
@click.option("--text", help="What the lab asks you to type: a date (trailer), a mask (surgery).")
@click.option("--anyway", is_flag=True, help="Go on where an exercise that it needs does not pass.")
def lab_command(name: str | None, quick: bool, **options: Any) -> None:
    """See what your own code does: a claim of the course, asked first and then measured. Without NAME: the list.

    Exit status: 0 it ran to its end, whatever the claim's verdict, 1 an exercise that it needs does not pass, 2 wrong
    usage, 3 the grader failed.
    """
    from grader.labs.run import LabOptions, list_labs, run_lab

    if name is None:
        return list_labs()
    prompt = (lambda text, default=None: click.prompt(text, default)) if sys.stdin.isatty() else None
    raise SystemExit(run_lab(name, LabOptions(full=not quick, **options), prompt))


@main.command("translate")
@click.argument("text")
@click.option("--target", type=click.Path(path_type=Path), help="The folder of the code. [default: exercises/]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Of the lab. [default: labs/translate]")
def translate_command(text: str, target: Path | None, out: Path | None) -> None:
    """Say a Korean date in English, with the model that `grader lab translate` has trained on your code."""
    from grader.labs.translate_text import translate

    raise SystemExit(translate(text, out, target))


@main.command("doctor")
def doctor_command() -> None:
    """Show versions, devices, isolation, and what to install for what is missing."""
    from grader.cli.doctor import report

    raise SystemExit(report())


if __name__ == "__main__":
    sys.exit(main(prog_name="grader"))
