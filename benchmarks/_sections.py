"""A page of several tables, each of which can be measured alone; the others stay as they were written."""

from __future__ import annotations

import argparse
import os
import platform
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

import punar

Table = tuple[str, Callable[[argparse.Namespace], list[str]]]


def main(title: str, tables: Mapping[str, Table], parser: argparse.ArgumentParser, *, seeds: str = "One seed.") -> None:
    """Measure what ``--only`` names, or all, print the page and write it where ``--write`` says.

    Parameters
    ----------
    title : str
        Of the page.
    tables : mapping of str to (str, callable)
        By the name for ``--only``: a heading, and what returns the section's lines.
    parser : argparse.ArgumentParser
        With the benchmark's own options.
    seeds : str
        What is said of them below each section.
    """
    parser.add_argument("--only", choices=tables)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    before = options.write.read_text(encoding="utf-8") if options.write and options.write.is_file() else ""
    kept = {part.split("\n")[0].strip(): part for part in before.split("\n## ")[1:]}
    text = f"# {title}\n"
    for name, (heading, run) in tables.items():
        if options.only in (None, name):
            foot = (
                f"Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, torch "
                f"{torch.__version__}, punar {punar.__version__}. {seeds}"
            )
            text += "\n".join([f"\n## {heading}\n", *run(options), "", foot, ""])
        elif heading in kept:
            text += "\n## " + kept[heading].rstrip("\n") + "\n"
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
