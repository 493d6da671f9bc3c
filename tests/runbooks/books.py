"""Runbooks as tests read them: sections, boxes, and a shell in which the boxes are run in order."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ("What it means", "Impact", "Look", "Decide", "Mend", "Afterwards")
METRICS_ADDRESS = "127.0.0.1:9464"
PATIENCE_SECONDS = 240
_BOX = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Box:
    """A box of commands, and the lines that are said to come of it."""

    commands: str
    shown: tuple[str, ...] = ()


def paths() -> list[Path]:
    return sorted(path for path in RUNBOOKS.glob("*.md") if path.name != "README.md")


def sections(text: str) -> dict[str, str]:
    """What stands under each heading."""
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def boxes(text: str) -> list[Box]:
    """Boxes of `sh`, each with the box of `text` that may follow it."""
    found: list[Box] = []
    for kind, body in _BOX.findall(text):
        if kind == "sh":
            found.append(Box(body))
        elif kind == "text":
            found[-1] = Box(found[-1].commands, tuple(body.splitlines()))
    return found


def queries(text: str) -> list[str]:
    """The lines of boxes of `promql`, a query each."""
    return [
        line for kind, body in _BOX.findall(text) if kind == "promql" for line in body.splitlines()
    ]


def comes_in(shown: tuple[str, ...], output: str) -> bool:
    """Whether the lines come one after another; … stands for anything on its line."""
    pattern = r".*^".join(
        "[^\n]*".join(re.escape(part.strip()) for part in line.split("…")) + r"[^\n]*$"
        for line in shown
    )
    return re.search(rf"^\s*{pattern}", output, re.MULTILINE | re.DOTALL) is not None


@dataclass
class Book:
    """One runbook in the hands of somebody who follows it.

    environ: what their terminal has; variables that a box sets stay for the next one.
    """

    name: str
    environ: Mapping[str, str]
    folder: Path
    done: list[str] = field(default_factory=list)

    @property
    def sections(self) -> dict[str, str]:
        return sections((RUNBOOKS / f"{self.name}.md").read_text("utf-8"))

    @property
    def with_boxes(self) -> list[str]:
        """Sections in which there is something to type."""
        return [name for name, text in self.sections.items() if boxes(text)]

    def follow(self, section: str, before: Mapping[str, Callable[[], object]] = {}) -> str:
        """Type what stands in a section, box by box; what was shown.

        A command may fail where one looks, if what it shows is in the runbook; elsewhere none.

        before: what hands do before the box that begins so.
        """
        said, todo = "", dict(before)
        for box in boxes(self.sections[section]):
            for begins in [each for each in todo if box.commands.startswith(each)]:
                todo.pop(begins)()
            assert box.shown or section != "Look", box.commands
            code, output = self._typed(box.commands, strict=section != "Look")
            assert code == 0, f"{self.name}, {section}: {box.commands}\n{output}"
            shown = tuple(Template(line).safe_substitute(self.environ) for line in box.shown)
            assert comes_in(shown, output), f"{self.name}, {section}: {box.commands}\n{output}"
            said += output
        assert not todo, "no box begins so"
        self.done.append(section)
        return said

    def _typed(self, commands: str, *, strict: bool) -> tuple[int, str]:
        address = f"{self.environ['FACTORY_METRICS_HOST']}:{self.environ['FACTORY_METRICS_PORT']}"
        known = self.folder / "known.sh"
        script = (
            f"set -a -uo pipefail{' -e' if strict else ''}\n"
            f"[ -e {known} ] && . {known}\n"
            f"{commands.replace(METRICS_ADDRESS, address)}\n"
            f"{'' if strict else 'set +e'}\nexport -p > {known}\n"
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout
