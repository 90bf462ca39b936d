"""Run the python blocks of Markdown pages, so that what they show stays true.

The blocks of a page run in order in one namespace, each page in a process and an empty folder of its own. A block
that cannot run (it needs a download, say) stands below a line ``<!-- not run: reason -->``; the reason is printed.
A block of commands below a line ``<!-- run -->`` runs too, each ``punar`` line in the page's process: it must end well.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

_BLOCK = re.compile(r"^```(python|py|sh|bash)[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_RUN = re.compile(r"<!--\s*run\s*-->\s*\Z")
_NOT_RUN = re.compile(r"<!--\s*not run:\s*(.+?)\s*-->\s*\Z")


def page_to_code(text: str) -> tuple[str, int, list[str]]:
    """Return the page's code with every line at its line number, how many blocks it has, and what is not run."""
    lines = [""] * (text.count("\n") + 1)
    blocks, left_out = 0, []
    for match in _BLOCK.finditer(text):
        first = text.count("\n", 0, match.start(2))
        commands = match[1] in ("sh", "bash")
        if commands and not _RUN.search(text[: match.start()]):
            continue
        reason = _NOT_RUN.search(text[: match.start()])
        if reason:
            left_out.append(f"line {first}: {reason[1]}")
            continue
        blocks += 1
        code = [_called(line) for line in match[2].splitlines()] if commands else match[2].splitlines()
        lines[first : first + len(code)] = code
    return "\n".join(lines), blocks, left_out


def _called(line: str) -> str:
    """Return Python that runs a line of a block of commands; what follows a # is a comment in both."""
    words = shlex.split(line, comments=True)
    if words and words[0] != "punar":
        raise ValueError(f"only punar's own commands are run, not {line!r}")
    return f"command({words[1:]!r})" if words else ""


def command(words: list[str]) -> None:
    """Run ``punar`` with these words; an exit status other than 0 is an error."""
    from punar.cli.main import run

    sys.argv = ["punar", *words]
    try:
        run()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"punar {shlex.join(words)}: exit status {end.code}") from None


def run(page: Path) -> bool:
    """Run one page and say how it went."""
    code, blocks, left_out = page_to_code(page.read_text(encoding="utf-8"))
    for reason in left_out:
        print(f"{page}: not run, {reason}")
    # The page's own name in the traceback leads to the line that failed.
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent.resolve())!r}); from run_markdown import command; "
        "exec(compile(sys.stdin.read(), sys.argv[1], 'exec'), {'__name__': '__main__', 'command': command})"
    )
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", program, str(page)], input=code, text=True, cwd=folder, check=False
        )
    print(f"{page}: {blocks} blocks {'run' if done.returncode == 0 else 'FAILED'}")
    return done.returncode == 0


if __name__ == "__main__":
    results = [run(Path(page)) for page in sys.argv[1:]]
    sys.exit(0 if all(results) else 1)
