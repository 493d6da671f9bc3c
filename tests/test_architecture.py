"""The map of ARCHITECTURE.md, as tests: who may import whom, and what stays out of the core."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.profile import parse

ROOT = Path(__file__).parents[1]
PACKAGES = ("factory", "storage", "jobs", "portal")
FOLDERS = {
    "factory", "jobs", "storage", "grafana", "tests",
    "portal", "bench", "docs", "deploy", "clients", ".ci",
}  # fmt: skip
IMPURE = {"open", "input", "print", "exec", "eval"}
IMPURE_ATTRIBUTES = {
    ("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("time", "time"),
    ("os", "environ"), ("os", "getenv"), ("os", "urandom"),
}  # fmt: skip
UNTOLD = re.compile(
    r"/home/[a-z]|/root/|C:\\Users|[a-z0-9-]+\.pythonhosted\.org|pypi\.org/simple|registry\.npm"
)


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def modules(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """The top-level names a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_nothing_imports_the_command_line() -> None:
    guilty = [path for path in modules(*PACKAGES, "bench") if "cli" in set(imports(path))]

    assert guilty == []


@pytest.mark.parametrize(
    ("package", "outer"),
    [
        ("factory", {"storage", "jobs", "portal", "bench"}),
        ("storage", {"jobs", "portal", "bench"}),
        ("jobs", {"portal", "bench"}),
        ("portal", {"bench"}),
    ],
)
def test_the_arrow_points_inwards(package: str, outer: set[str]) -> None:
    guilty = [path for path in modules(package) if outer & set(imports(path))]

    assert guilty == []


def test_the_command_line_needs_no_package_but_click_and_rich() -> None:
    paths = [ROOT / "cli.py", *modules("jobs/commands")]

    foreign = {name for path in paths for name in imports(path)}

    assert foreign - set(sys.stdlib_module_names) - set(PACKAGES) == {"click", "rich"}


def test_no_code_asks_which_province_it_is() -> None:
    """What differs is in the profiles: their ids and authorities are compared with nowhere."""
    texts = [path.read_text("utf-8") for path in (ROOT / "factory" / "profiles").glob("*.toml")]
    known = [parse(text) for text in texts]
    names = {each.id for each in known} | {each.authority.name for each in known}
    names |= {each.authority.abbreviation for each in known}
    names |= {each.authority.division for each in known}

    guilty = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "cli.py", *modules(*PACKAGES))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare | ast.MatchValue)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and constant.value in names
    ]

    assert guilty == []


def test_no_product_code_imports_tests() -> None:
    guilty = [path for path in modules(*PACKAGES, "bench") if "tests" in set(imports(path))]

    assert guilty == []


@pytest.mark.parametrize("path", modules("factory"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_factory_reads_no_clock_no_disk_and_no_environment(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))

    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    attributes = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }

    assert calls & IMPURE == set()
    assert attributes & IMPURE_ATTRIBUTES == set()


@pytest.mark.parametrize(
    "path",
    [p for p in modules(*PACKAGES, "bench") if p.read_text("utf-8").strip()],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_there_is_no_other_top_level_folder() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}

    assert found <= FOLDERS


def test_no_committed_file_names_a_machines_path_or_a_registry() -> None:
    texts = [path for path in tracked() if path.suffix in {".py", ".md", ".sh", ".toml", ".yml"}]

    guilty = [
        path
        for path in texts
        if path != Path(__file__).resolve() and UNTOLD.search(path.read_text("utf-8"))
    ]

    assert guilty == []


def test_the_map_names_every_module() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")

    found = [path.name for path in modules(*PACKAGES) if path.parent.name in PACKAGES]
    missing = [name for name in found if name != "__init__.py" and name not in text]

    assert missing == []


def test_every_package_is_in_what_is_installed() -> None:
    """An installation that is not of the clone itself has only what is listed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }

    assert set(project["tool"]["setuptools"]["packages"]) == found
