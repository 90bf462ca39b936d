"""Options in panels: declared once, shown together in a command's help, and handed to it as one dict per panel."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import typer
from typer.core import TyperCommand

from punar.errors import ParameterError, shown

Given: TypeAlias = dict[str, Any]

# The column of names is at most this wide; a longer name has its help on the next line.
_WIDEST = 28


@dataclass(frozen=True)
class Option:
    """One option of a panel.

    Attributes
    ----------
    flag : str
        Such as "--target", or "--header/--no-header".
    help : str
    metavar : str or None
        What stands for the value; None for a switch.
    kind : type
        Of the value.
    default : object
        None says that it was not given.
    short : str or None
        A second name, such as "-q".
    fold : bool
        Of a list: whether one value is given as itself and several as a tuple.
    """

    flag: str
    help: str
    metavar: str | None = None
    kind: Any = str
    default: Any = None
    short: str | None = None
    fold: bool = False

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return self.flag.partition("/")[0]

    def taken(self, value: Any) -> Any:
        """Return a value from the command line as a command gets it.

        Raises
        ------
        ParameterError
            A name stands twice among those that are one value together.
        """
        if not self.fold or value is None:
            return value
        twice = next((v for v in value if value.count(v) > 1), None)
        if twice is not None:
            raise ParameterError(f"{self.name} {shown(twice)} was given twice. Name it once.")
        return tuple(value) if len(value) > 1 else next(iter(value), None)

    def parameter(self, name: str, panel: str) -> inspect.Parameter:
        """Return it as a parameter of a command."""
        info = typer.Option(
            self.default,
            *(flag for flag in (self.flag, self.short) if flag is not None),
            metavar=self.metavar,
            help=self.help,
            show_default=self.default is not None and self.default is not False,
            rich_help_panel=panel,
        )
        kind = self.kind | None if self.default is None else self.kind
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=info, annotation=kind)


class Panel:
    """Options that belong together.

    Parameters
    ----------
    title : str
        Stands above them in the help.
    **options : Option
        By the name under which a command gets the value.
    """

    def __init__(self, title: str, **options: Option) -> None:
        self.title = title
        self.options = options

    def only(self, *names: str) -> Panel:
        """Return the panel with these options alone."""
        return Panel(self.title, **{name: self.options[name] for name in names})

    def without(self, *names: str) -> Panel:
        """Return the panel without these options."""
        return Panel(self.title, **{name: o for name, o in self.options.items() if name not in names})

    def given(self, values: Mapping[str, Any], *names: str) -> Given:
        """Return the values that differ from the defaults, by flag.

        Parameters
        ----------
        values : mapping
            By name.
        *names : str
            Which options; all that are in ``values`` where none is named.
        """
        asked = names or [name for name in self.options if name in values]
        found = {self.options[name].name: values[name] for name in asked}
        usual = {self.options[name].name: self.options[name].default for name in asked}
        return {flag: value for flag, value in found.items() if value != usual[flag] and value not in ((), [])}


def takes(**panels: Panel) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for a command that takes a panel's options as one dict.

    Parameters
    ----------
    **panels : Panel
        By the name of the command's parameter, whose value is a dict of the options by name.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in panels]
        asked = [o.parameter(name, p.title) for p in panels.values() for name, o in p.options.items()]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            groups = {
                name: {each: option.taken(values.pop(each)) for each, option in panel.options.items()}
                for name, panel in panels.items()
            }
            command(**values, **groups)

        parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *asked]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorated


class PanelCommand(TyperCommand):
    """A command whose help is plain text with a section for each panel.

    rich would draw boxes around them, which cost start-up time and break lines that people copy.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then options without a panel, then the panels in the order of the command."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            own = "Arguments" if parameter.param_type_name == "argument" else "Options"
            sections.setdefault(getattr(parameter, "rich_help_panel", None) or own, []).append(record)
        names = [name for rows in sections.values() for name, _ in rows]
        width = max((len(name) for name in names if len(name) <= _WIDEST), default=0)
        for title, rows in sections.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(width), text) for name, text in rows], col_max=width)
