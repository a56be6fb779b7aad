"""The command line. Imports no torch: that is for the commands that need it."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any

import click

import grader
from grader.errors import GraderError, UsageError
from grader.kit.discovery import Kit
from grader.kit.requirements import unmet
from grader.reports.crash_report import own_failure

DEVICES = click.Choice(["auto", "cpu", "cuda", "mps"])
SEED = click.IntRange(min=0)


def _exercise_names(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """What the shell may complete `EX` to: names, or numbers where one was begun."""
    slugs = [exercise.slug for exercise in Kit().exercises]
    names = slugs if begun.startswith("ex") or not begun else [slug[5:] for slug in slugs]
    numbers = [str(int(slug[2:4])) for slug in slugs]
    return [name for name in (numbers if begun.isdigit() else names) if name.startswith(begun)]


EXPORTS = click.Choice(["canvas", "moodle", "gradescope", "junit"])
EXIT_USAGE, EXIT_GRADER, EXIT_BROKEN_PIPE = 2, 3, 141
CHECKING = ("check", "grade", "notebook", "open", "watch")
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
        from grader.learner.loop import watch

        raise SystemExit(watch(None, device="cpu", seed=None))
    from grader.learner.commands import show_list

    show_list(then_what=True)


@main.command("watch")
@click.argument("exercise", metavar="[EX]", required=False, shell_complete=_exercise_names)
@click.option("--device", type=DEVICES, default="cpu", show_default=True, help="Where your code works: on cpu at once.")
@click.option("--seed", type=SEED, help="Repeat a run exactly. [default: a fresh one]")
def watch_command(exercise: str | None, device: str, seed: int | None) -> None:
    """Check an exercise whenever you save it; without EX the first that does not pass."""
    from grader.learner.loop import watch

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
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here as JSON, too."
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


@main.command("grade")
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
    from grader.grading.grade import GradeOptions, grade

    layers = tuple(name.strip() for name in (require or "").split(",") if name.strip())
    raise SystemExit(
        grade(submissions, out=out, options=GradeOptions(seed, options, jobs, layers, fresh, only, export))
    )


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
@click.option("--anyway", is_flag=True, help="Go on where an exercise that it needs does not pass.")
def lab_command(name: str | None, quick: bool, **options: Any) -> None:
    """See what your own code does: a claim of the course, asked first and then measured. Without NAME: the list.

    Exit status: 0 it ran to its end, whatever the claim's verdict, 1 an exercise that it needs does not pass, 2 wrong
    usage, 3 the grader failed.
    """
    from grader.labs.run import LabOptions, list_labs, run_lab

    if name is None:
        return list_labs()
    prompt = click.prompt if sys.stdin.isatty() else None
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
