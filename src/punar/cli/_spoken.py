"""Messages in the words of the command line: an option where a message written for Python names a parameter.

One table says which option each parameter is: the panels' own names, and :data:`_FURTHER`. What is in the table is
replaced wherever a message is printed, so that no message has to be written twice; a parameter that no option sets is
said to be Python's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from punar.cli import _options as o
from punar.cli._panels import Option
from punar.texts import app as texts

_PANELS = (o.DATA, o.TRANSFER, o.ANOMALIES, o.STRUCTURED, o.SEQUENCES, o.AUTOENCODER, o.TRAINING)
# Parameters that no panel has under their own name, and what stands for their value.
_FURTHER: Mapping[str, tuple[str, str]] = {
    "on_error": ("--skip-bad", ""),
    "cv": ("--folds", "N"),
    "folds": ("--folds", "N"),
    "candidates": ("--backbones", "NAMES"),
    "question": ("--question", "NAME"),
    "task": ("--task", "NAME"),
    "equal": ("--equal", "WHAT"),
    "budget": ("--budget", "TIME"),
    "future": ("--future", "FILE"),
    "parts": ("--parts", "FILE"),
    "depth": ("--depth", "N"),
    "item": ("--item", "N"),
    "domain": ("--domain", "NAME"),
    "verbose": ("--quiet", ""),
    "validation_data": ("--validation", "DATA"),
}
# Parameters of tasks alone: ``--set NAME=VALUE``.
OF_TASKS = frozenset(
    {
        *("decoder", "detector", "hidden_share", "ignore", "language", "max_answer_length", "normalise", "num_beams"),
        *("padding", "pieces", "prefix", "score_threshold", "source_language", "target_language", "tiles"),
        *("timestamps", "vocabulary"),
    }
)
# A call is Python's own and stays as it is, but for what a command does as well.
_CALLS: Mapping[str, str] = {
    r"punar\.list_backbones\(domain='?([\w-]+)'?\)": r"punar models --domain \1",
    r"punar\.list_backbones\(\)": "punar models",
}
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\([^()]*\)|[\w+-]+(?:\.[\w+-]+)*|)"
_ONE = rf"([a-z][a-z_]*)=(?!=){_VALUE}"
_SEVERAL = re.compile(rf" \(({_ONE}(?:, {_ONE})*)\)")
_AFTER_ITS_OPTION = re.compile(rf"(--[a-z-]+)((?: [^\s,()]+)?),?(?: or)? {_ONE}")
# A call such as ``fit(X, name=value)``, one bracket deep inside, and what stands in quotation marks, are left alone.
_LEFT_ALONE = re.compile(
    r"(?:[a-z_]+=)?[A-Za-z_][\w.]*\((?:[^()]|\([^()]*\))*\)|(?<![\w=])'[^'\n]*'|(?<![\w=])\"[^\"\n]*\""
)
_SETTING = re.compile(rf"(?<![\w.\-=\"'/])([a-z][a-z_]*)=(?!=)({_VALUE})")
_TO_SET = re.compile(rf"(?<![\w-])([Ss]et|[Pp]ass|[Uu]se|[Tt]ake) ([a-z][a-z_]*)=(?!=)({_VALUE})")
_ALTERNATIVE = re.compile(r"(--[a-z-]+ [\w-]+) or '([\w-]+)'")
_AUTO = re.compile(r"([Ll])eave ([a-z][a-z_]*)='auto'")
_RULE = re.compile(
    r"(?:(?<=^)|(?<=: )|(?<=, )|(?<=\. ))([a-z][a-z_]*)(?= must be | cannot be used with )"
    r"|(?<=eave )([a-z][a-z_]*)(?= out)"
)
_UNDERSCORED = re.compile(r"(?<![\w.\-='\"/{])([a-z]+(?:_[a-z]+)+)(?![\w='\"(/.}]\S)(?!=)")
_ADVISED = re.compile(r"(?<![\w-])(?:[Uu]se|[Ss]et|[Pp]ass|[Tt]ake|[Ff]it with|or)$")


def spoken(message: str) -> str:
    """Return a message with the options of the command line in place of Python's parameters.

    >>> spoken("X[3] is NaN: leave the row out (--skip-bad, on_error='skip'), or pass missing='mask'.")
    'X[3] is NaN: leave the row out (--skip-bad), or pass --missing mask.'
    >>> spoken("Autoencoder: latent_dim must be an integer >= 1, got 0. Lower learning_rate.")
    'Autoencoder: --latent-dim must be an integer >= 1, got 0. Lower --learning-rate.'
    >>> spoken("set gradient_clip=1.0.")
    'set gradient_clip=1.0 in Python.'
    >>> spoken("Where 255 is a class, set ignore=None.")
    'Where 255 is a class, pass --set ignore=none.'
    """
    for said, command in texts.SPOKEN.items():
        message = message.replace(said, command)
    for call, command in _CALLS.items():
        message = re.sub(call, command, message)
    message = _SEVERAL.sub(lambda m: "" if _all_named(m[1], m.string[: m.start()]) else m[0], message)
    message = _AFTER_ITS_OPTION.sub(lambda m: m[1] + m[2] if _is_for(m[1], m[3]) else m[0], message)
    return _ALTERNATIVE.sub(r"\1 or \2", _outside_code(message, _renamed))


def option_of(name: str) -> tuple[str, str] | None:
    """Return the option that sets a parameter of Python, and what stands for its value; None where there is none."""
    found = _panel_option(name)
    if found is not None:
        return found.name, found.metavar or ""
    return _FURTHER.get(name)


def _panel_option(name: str) -> Option | None:
    return next((panel.options[name] for panel in _PANELS if name in panel.options), None)


def _all_named(settings: str, before: str) -> bool:
    """Return whether the options of all these settings are named already."""
    names = re.findall(r"([a-z][a-z_]*)=", settings)
    return all(any(_is_for(flag, name) for flag in re.findall(r"--[a-z-]+", before)) for name in names)


def _is_for(flag: str, name: str) -> bool:
    found = option_of(name)
    return found is not None and flag in (found[0], found[0].replace("--", "--no-"))


def _outside_code(message: str, change: Callable[[str], str]) -> str:
    found, at = [], 0
    for code in _LEFT_ALONE.finditer(message):
        found += [change(message[at : code.start()]), code[0]]
        at = code.end()
    return "".join([*found, change(message[at:])])


def _renamed(part: str) -> str:
    part = _AUTO.sub(lambda m: f"{m[1]}eave {_bare(m[2])} out", part)
    part = _TO_SET.sub(lambda m: _setting_of_task(m[1], m[2], m[3]) if m[2] in OF_TASKS else m[0], part)
    part = _SETTING.sub(lambda m: _setting(m[1], m[2], m.string[: m.start()], m.string[m.end() :]), part)
    part = _RULE.sub(lambda m: _bare(m[1] or m[2]), part)
    return _UNDERSCORED.sub(lambda m: _bare(m[1]), part)


def _setting(name: str, value: str, before: str, after: str) -> str:
    if before.endswith("--set "):
        return f"{name}={value}"  # as it was given, or as it has to be
    found = option_of(name)
    if found is None:
        # What was found is said as it is; what is to be done has to be done elsewhere.
        advised = _ADVISED.search(before.rstrip()) and not after.startswith(" in Python")
        return f"{name}={value} in Python" if advised else f"{name}={value}"
    flag, placeholder = found
    plain = value.strip("'\"")
    if not placeholder:
        return _switch(name, flag, plain)
    if plain in ("", "...") or plain.startswith(("[", "(")):
        return f"{flag} {placeholder}"
    return f"{flag} {_plain(value)}"


def _setting_of_task(verb: str, name: str, value: str) -> str:
    return f"{'Pass' if verb.istitle() else 'pass'} --set {name}={_plain(value)}"


def _plain(value: str) -> str:
    """Return a value as it is typed."""
    plain = value.strip("'\"")
    return plain.lower() if plain in ("None", "True", "False") else plain


def _switch(name: str, flag: str, value: str) -> str:
    """Return what sets a switch: the flag, its opposite, or that it is to be left out."""
    off = value in ("False", "0", "raise", "None")
    if name == "verbose":
        return flag if off else f"no {flag}"
    option = _panel_option(name)
    opposite = option.flag.partition("/")[2] if option is not None else ""
    return flag if not off else opposite or f"no {flag}"


def _bare(name: str) -> str:
    found = option_of(name)
    return name if found is None else found[0]
