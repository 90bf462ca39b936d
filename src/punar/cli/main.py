"""The command ``punar``: finds the commands in this folder, and turns exceptions into one line and a status.

Exit status: 0 done; 1 a failure that is not the input's fault; 2 the input or an option must change (every
:class:`punar.errors.PunarError`, and wrong usage); 130 interrupted.

A command is a file here whose function has the file's name; its help is ``<NAME>_HELP`` and ``<NAME>_EXAMPLES`` in
:mod:`punar.texts.cli`. Nothing heavy is imported before a command runs, so that ``punar --help`` is quick.
"""

from __future__ import annotations

import os
import pkgutil
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn, TextIO

import typer

import punar
from punar import cli
from punar.cli._panels import PanelCommand
from punar.errors import PunarError, PunarWarning
from punar.texts import cli as texts
from punar.texts import layouts

_INTERRUPTED = 130
_WIDTH = {"max_content_width": 110}  # of help; narrower where the terminal is


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(punar.__version__)
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help=texts.VERSION_OPTION, callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help=texts.DEBUG_OPTION)] = False,
) -> None:
    pass


def _make_app() -> typer.Typer:
    # Plain help: rich's boxes cost start-up time and break lines that people copy.
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help=texts.APP_HELP, epilog=texts.APP_EPILOG)(_root)
    for name in sorted(m.name for m in pkgutil.iter_modules(cli.__path__)):
        if name != "main" and not name.startswith("_"):
            command: Callable[..., Any] = getattr(import_module(f"punar.cli.{name}"), name)
            about, examples = (getattr(texts, f"{name.upper()}_{part}") for part in ("HELP", "EXAMPLES"))
            app.command(
                name, cls=PanelCommand, context_settings=_WIDTH, help=about, epilog=examples, no_args_is_help=False
            )(command)
    return app


app = _make_app()


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its status.

    Parameters
    ----------
    arguments : sequence of str or None
        None takes them from ``sys.argv``.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    # A terminal that cannot show a letter must not end a run that took minutes.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if _folder_is_gone() and not {"--help", "--version"} & set(words):
        sys.exit(_say(layouts.FOLDER_GONE, 2))
    status = 1
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app([w for w in words if w != "--debug"], prog_name="punar")
    except SystemExit as stop:
        # typer has turned the interrupt into this, without a word
        if stop.code == _INTERRUPTED:
            _say(texts.INTERRUPTED, _INTERRUPTED)
        raise stop from None
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; Python would complain once more when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if debug:
            raise
        status = _explain(error)
    sys.exit(status)


def _folder_is_gone() -> bool:
    """Return whether the working folder was deleted: libraries end the process without a word that says so."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _explain(error: Exception) -> int:
    """Print what went wrong in one line, and return the exit status."""
    message = " ".join(str(error).split())
    if isinstance(error, PunarError):
        message = _spoken(message)
    if isinstance(error, PunarError):
        return _say(texts.ERROR.format(message=message), 2)
    if isinstance(error, MemoryError):
        return _say(texts.NO_MEMORY, 1)
    if isinstance(error, OSError):
        return _say(texts.SYSTEM.format(message=message), 1)
    return _say(texts.UNEXPECTED.format(kind=type(error).__name__, message=message.rstrip(".")), 1)


def _spoken(message: str) -> str:
    # Only a message that is to be said needs the panels.
    from punar.cli._spoken import spoken

    return spoken(message)


def _say(line: str, status: int) -> int:
    print(line, file=sys.stderr, flush=True)
    return status


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    said = " ".join(str(message).split())
    said = _spoken(said) if issubclass(category, PunarWarning) else said
    print(texts.WARNING.format(message=said), file=sys.stderr, flush=True)
