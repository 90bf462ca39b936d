"""What one ``punar fit`` asks for, and how it ends."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from punar.cli import _options as options
from punar.cli._panels import Given
from punar.cli._parts import Parts
from punar.cli._spoken import spoken
from punar.core import deadline
from punar.errors import ParameterError, suggest
from punar.texts import cli as texts
from punar.texts import structured

_OF_FIT = ("checkpoint", "time_limit", "quiet", "validation", "groups")  # what no estimator has as a parameter


@dataclass(frozen=True)
class Asked:
    """What was asked.

    Attributes
    ----------
    data : str
    out : Path
        Checked.
    task : str or None
        None takes what suits the labels.
    parts : Parts
    reading, transfer, sequences, autoencoder, training : dict
        The options of each panel, by name.
    """

    data: str
    out: Path
    task: str | None
    parts: Parts
    reading: Given
    transfer: Given
    sequences: Given
    autoencoder: Given
    training: Given

    @property
    def task_class(self) -> Any:
        """The class of the task; None where none was named."""
        return None if self.task is None else self.parts.cls("tasks", self.task)

    @property
    def form(self) -> str | None:
        """How the task reads its targets; None tells it by content."""
        return None if self.task is None else str(self.task_class.target_form)

    def task_for(self, found: Any) -> Any:
        """Return the task for an estimator: the named one, else what suits the labels that were found.

        Where DATA names its classes, a task that takes names is told them.
        """
        settings = self.reading.get("task_settings") or ()
        if self.task is None:
            if settings:
                raise ParameterError(
                    structured.SETTING_NEEDS_TASK.format(
                        given=settings[0], hint=_hint(settings[0].partition("=")[0], ())
                    )
                )
            return str(found.target_kind)
        named, known = self.parts.part("tasks", self.task), settings_of(self.task_class)
        given = read_settings(settings, self.task, known)
        if self.form == "masks" and "names" in known and found is not None and found.classes:
            given.setdefault("names", list(found.classes))
        if not given:
            return named
        return (self.task_class() if isinstance(named, str) else named).set_params(**given)

    def settings(self, *others: Given) -> Given:
        """Return an estimator's settings: those of training and of ``others`` that were given."""
        training = {name: value for name, value in self.training.items() if name not in _OF_FIT}
        every = training | {name: value for other in others for name, value in other.items()}
        given = {name: value for name, value in every.items() if value is not None}
        return given | {"verbose": 0 if self.training["quiet"] else 1}

    def of_fit(self) -> Given:
        """Return what ``fit`` itself takes: where progress is saved, and the time that it has."""
        limit = self.training["time_limit"]
        return {
            "checkpoint": self.training["checkpoint"],
            "time_limit": None if limit is None else deadline.seconds_in(limit, "--time-limit"),
        }

    @property
    def validation(self) -> str | None:
        """The data to validate on."""
        found: str | None = self.training["validation"]
        return found

    def groups(self, found: Any) -> Given:
        """Return the groups of what was read as an argument of ``fit``, where --groups names their column."""
        column = self.training["groups"]
        if column is None:
            return {}
        from punar.sources import read_groups

        series = getattr(found, "id_column", None)
        # Of texts and rows the names are their numbers in the table.
        numbered = series is None and getattr(found, "row_title", "row") == "row"
        numbered = numbered and all(name.isdecimal() for name in found.row_names)
        groups = read_groups(
            self.data,
            column,
            rows=[int(name) for name in found.row_names] if numbered and found.row_names else None,
            count=len(found.X) if hasattr(found, "X") else len(found),
            id_column=series,
            header=self.reading["header"],
            parts=self.parts.classes,
        )
        return {"groups": groups}

    @property
    def left_out(self) -> list[str]:
        """Columns that are no inputs: those to drop, and that of the groups."""
        groups = self.training["groups"]
        return [*(self.reading["drop"] or ()), *([] if groups is None else [groups])]

    def columns(self) -> list[str]:
        """Return the options that name the columns of items again."""
        given = {f"--{name}": self.reading[name] for name in ("text", "path", "root", "suffix")}
        given |= {"--target-file": self.reading.get("target_path")}
        if self.form in ("masks", "answers", "texts") and isinstance(self.reading["target"], str):
            given["--target"] = self.reading["target"]  # which of two columns of text is written
        return [word for option, value in given.items() if value for word in (option, value)]

    def finish(self, model: Any, lines: Sequence[str], command: Sequence[str]) -> None:
        """Save, and print the verdict, ``lines``, and the command that comes next."""
        import punar

        punar.save(model, self.out)
        for line in [texts.FIT_REPORT.format(verdict=spoken(str(model.fit_report_))), *lines]:
            typer.echo(line)
        typer.echo(texts.FIT_SAVED.format(path=self.out))
        typer.echo(texts.FIT_NEXT.format(command=shlex.join(["punar", *command, *self.parts.words()])))


def settings_of(task: Any) -> list[str]:
    """Return the names of a task's settings."""
    return sorted(task._get_param_names())


def read_settings(given: Sequence[str], task: str, known: Sequence[str]) -> Given:
    """Return what ``--set NAME=VALUE`` sets: a value is JSON where it is such, else a text.

    Raises
    ------
    ParameterError
        It has another form, or the task has no such setting.

    Examples
    --------
    >>> read_settings(["ignore=11", "decoder=fpn"], "segmentation", ["decoder", "ignore"])
    {'ignore': 11, 'decoder': 'fpn'}
    """
    found: Given = {}
    for word in given:
        name, sign, value = word.partition("=")
        if not sign or not name.isidentifier():
            raise ParameterError(structured.SETTING_FORM.format(given=word))
        if name not in known:
            message = structured.SETTING_UNKNOWN.format(
                given=word, task=task, name=name, hint=_hint(name, known), known=", ".join(known) or "none"
            )
            raise ParameterError(message)
        found[name] = _value(value)
    return found


def _hint(name: str, known: Sequence[str]) -> str:
    """Return which setting was meant, or that this is an option and no setting of the task."""
    for panel in (options.TRAINING, options.TRANSFER, options.SEQUENCES):
        if name in panel.options:
            return structured.SETTING_OPTION.format(flag=panel.options[name].name)
    return suggest(name, known)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)
