"""The command line: commands, exit codes, one clear message for every intended error.

Exit 0 done, 1 failed while running, 2 wrong argument or input, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import typer

from upgan.cli import (
    ask,
    bench,
    case,
    compare,
    complete,
    data,
    life,
    machine,
    refresh,
    reproduce,
    review,
    runs,
    share,
    trash,
    vectors,
)
from upgan.errors import UpganError, did_you_mean
from upgan.escapes import terminal
from upgan.version import __version__

app = typer.Typer(
    name="upgan",
    help="Knowledge-graph completion that listens to users (UPGAN, He et al., WWW 2020).",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data.app, name="data")
app.add_typer(case.app, name="case")
app.add_typer(trash.app, name="trash")
app.add_typer(review.app, name="review")
#: Every other command, in the order of the help. Their modules import what computes only when they run: the command
#: line answers `--help` and a press of Tab without numpy, pandas and torch.
COMMANDS: dict[str, Callable[..., Any]] = {
    "train": runs.train,
    "estimate": runs.estimate_cost,
    "evaluate": runs.evaluate,
    "resume": life.resume,
    "stop": life.stop,
    "status": life.status,
    "export": share.export,
    "import": share.import_,
    "delete": trash.delete,
    "compare": compare.compare,
    "predict": ask.predict,
    "explain": ask.explain,
    "complete": complete.complete,
    "vectors": vectors.vectors,
    "refresh": refresh.refresh,
    "app": machine.open_app,
    "demo": machine.demo,
    "doctor": machine.doctor,
    "reproduce": reproduce.reproduce,
    "bench": bench.bench,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"upgan {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Results go to stdout, progress and logs to stderr."""


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    # A shell starts background jobs with SIGINT ignored, and Python would leave it so.
    signal.signal(signal.SIGINT, _interrupt)
    # The name of a file may be no text; it is shown with escapes, as on stderr.
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(OSError):
            sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # The name is given, so that messages and completion are the same under `python -m upgan`.
        result = app(args=list(arguments), prog_name="upgan", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except UpganError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read stdout went away (`upgan ... | head`): no error of ours, and nothing more to say there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _fail("out of memory; try a smaller batch (--set pretrain.batch=... --set adversarial.batch=...)", 1)
    except OSError as error:
        # A file where a folder is needed, or the other way round: the argument was wrong, nothing failed.
        wrong = isinstance(error, NotADirectoryError | IsADirectoryError | FileExistsError)
        return _fail(_os_message(error), 2 if wrong else 1)
    except Exception as error:
        if _is_usage_error(error):
            return _fail(_usage_message(error), 2)
        if type(error).__name__ == "Abort":
            return _fail("interrupted", 130)
        raise


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> int:
    print(f"upgan: {terminal(message)}", file=sys.stderr)
    return code


def _os_message(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    advice = {
        errno.ENOSPC: "; free some space and try again",
        errno.EACCES: "; choose a folder you may write to",
        errno.ENOTDIR: "; a file is in the way of a folder: choose another name",
        errno.EEXIST: "; a file is in the way of a folder: choose another name",
        errno.EISDIR: "; a folder is in the way of the file: choose another name",
    }
    return f"{place}{error.strerror or error}{advice.get(error.errno or 0, '')}"


def _is_usage_error(error: Exception) -> bool:
    # Recent versions of typer carry a copy of click of their own, so the class is known by its interface.
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def _usage_message(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    hint = f"\nTry '{context.command_path} --help'." if context is not None else ""
    message: str = getattr(error, "message", "")
    option = getattr(error, "option_name", "")
    if context is not None and message.startswith("No such option"):
        names = {name for parameter in context.command.get_params(context) for name in parameter.opts}
        return f"{message}.{did_you_mean(option, names)}{hint}"
    return f"{error.format_message()}{hint}"  # type: ignore[attr-defined]
