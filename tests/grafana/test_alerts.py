"""Alerts fire when they should and keep quiet when they should not."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "grafana" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
DASHBOARDS = {
    "factory-overview", "factory-bulk", "factory-line", "factory-queues", "factory-trust"
}  # fmt: skip
SEVERITIES = {"page", "ticket", "info"}
NEVER, ALWAYS = "vector(0) > 1", "vector(1)"

Json = dict[str, Any]


def rules_of(path: Path) -> list[Json]:
    return [
        rule
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]


def alerts() -> list[Json]:
    return [rule for path in RULES for rule in rules_of(path) if "alert" in rule]


def cases() -> list[Json]:
    return [case for path in CASES for case in yaml.safe_load(path.read_text("utf-8"))["tests"]]


NAMES = sorted({alert["alert"] for alert in alerts()})


def fired(case: Json) -> list[dict[str, str]]:
    """The labels of the alerts that a case expects."""
    samples = [each for test in case["promql_expr_test"] for each in test["exp_samples"]]
    return [dict(re.findall(r'(\w+)="([^"]*)"', each["labels"])) for each in samples]


def cases_of(name: str, what: str) -> list[Json]:
    return [case for case in cases() if case["name"].startswith(f"{name} {what}")]


def firings(name: str) -> list[dict[str, str]]:
    found = [labels for case in cases() for labels in fired(case)]
    return [labels for labels in found if labels["alertname"] == name]


@pytest.fixture
def promtool(absent: Callable[[str], None]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs promtool of Debian's package; a test without it skips."""
    if shutil.which("promtool") is None:
        absent("promtool: apt-get install prometheus")

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["promtool", *map(str, words)], capture_output=True, text=True, check=False
        )

    return run


Promtool = Callable[..., subprocess.CompletedProcess[str]]


# --- what promtool says -----------------------------------------------------------------------


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_promtool_accepts_the_rules(promtool: Promtool, path: Path) -> None:
    done = promtool("check", "rules", path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_loads_all_of_them(promtool: Promtool) -> None:
    done = promtool("check", "config", PROMETHEUS / "prometheus.yml")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rule files found" in done.stdout


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name)
def test_alerts_fire_and_keep_quiet_as_the_cases_say(promtool: Promtool, path: Path) -> None:
    done = promtool("test", "rules", path)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expr", [NEVER, ALWAYS])
def test_alerts_that_never_or_always_fire_fail_the_cases(
    promtool: Promtool, tmp_path: Path, expr: str
) -> None:
    for path in (*RULES, *CASES):
        copy = tmp_path / path.relative_to(PROMETHEUS)
        copy.parent.mkdir(exist_ok=True)
        text = re.sub(
            r"(- alert: .*\n +expr: )(?:\|\n(?: {10,}.*\n)+|.*\n)",
            rf"\1{expr}\n",
            path.read_text("utf-8"),
        )
        copy.write_text(text, "utf-8")

    done = promtool("test", "rules", tmp_path / "tests" / "overview.yml")

    assert done.returncode != 0
    assert done.stdout.count("time: ") + done.stderr.count("time: ") >= 3


# --- each alert -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_quiet(name: str) -> None:
    firing, quiet = cases_of(name, "fires"), cases_of(name, "is quiet")

    assert firing and all(name in {each["alertname"] for each in fired(case)} for case in firing)
    assert quiet and all(name not in {each["alertname"] for each in fired(case)} for case in quiet)


def test_each_severity_of_an_alert_has_a_case() -> None:
    wanted = {(alert["alert"], alert["labels"]["severity"]) for alert in alerts()}

    tried = {(each["alertname"], each["severity"]) for name in NAMES for each in firings(name)}

    assert tried == wanted


def test_every_case_is_about_an_alert_and_looks_at_all_of_them() -> None:
    about = {case["name"].partition(" ")[0] for case in cases()}
    looks = {test["expr"] for case in cases() for test in case["promql_expr_test"]}

    assert about == set(NAMES)
    assert all('ALERTS{alertstate="firing"' in look for look in looks)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_whom_it_hurts_and_where_to_look(alert: Json) -> None:
    said = alert["annotations"]

    assert alert["labels"]["severity"] in SEVERITIES
    assert set(said) == {"summary", "description", "dashboard_url", "runbook_url"}
    assert not said["summary"].endswith(".") and said["description"].endswith(".")
    assert said["dashboard_url"].removeprefix("{{ $externalLabels.grafana }}/d/") in DASHBOARDS
    assert said["runbook_url"].startswith("{{ $externalLabels.runbooks }}/")


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_what_an_alert_tells_of_itself_is_among_its_labels(alert: Json) -> None:
    text = " ".join(alert["annotations"].values())

    told = set(re.findall(r"\$labels\.(\w+)", text))

    assert any(told <= set(labels) for labels in firings(alert["alert"]))


def test_links_begin_where_the_configuration_says() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text("utf-8"))

    named = {
        name
        for alert in alerts()
        for text in alert["annotations"].values()
        for name in re.findall(r"\$externalLabels\.(\w+)", text)
    }

    assert named == set(config["global"]["external_labels"])


# --- what is exported -------------------------------------------------------------------------

METRIC = re.compile(r"\b(factory_[a-z_]+)\b(?:\{([^}]*)\})?")


def exported() -> dict[str, set[str]]:
    """The labels of every series that a host exports, as docs/metrics.md has them."""
    rows = re.findall(
        r"^\| `(factory_\w+)` \| (\w+) \| (.*?) \|",
        (ROOT / "docs" / "metrics.md").read_text("utf-8"),
        re.MULTILINE,
    )
    found: dict[str, set[str]] = {}
    for name, kind, labels in rows:
        own = set(re.findall(r"`(\w+)`", labels)) | {"instance", "job"}
        if kind == "histogram":
            found |= {f"{name}_bucket": own | {"le"}, f"{name}_count": own, f"{name}_sum": own}
        else:
            found[name] = own
    return found


def rule_name(rule: Json) -> str:
    return str(rule.get("alert") or rule["record"])


@pytest.mark.parametrize("rule", [rule for path in RULES for rule in rules_of(path)], ids=rule_name)
def test_a_rule_asks_for_nothing_that_is_not_exported(rule: Json) -> None:
    series = exported()

    for name, matchers in METRIC.findall(rule["expr"]):
        assert name in series
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= series[name], name


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_a_case_is_made_of_series_as_they_are_exported(case: Json) -> None:
    series = exported() | {"up": {"instance", "job"}}

    for each in case["input_series"]:
        name, _, labels = each["series"].partition("{")
        assert set(re.findall(r"(\w+)=", labels)) <= series[name], name


# --- runbooks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("alert", alerts(), ids=rule_name)
def test_an_alert_has_a_runbook_that_names_it(alert: Json) -> None:
    name = alert["annotations"]["runbook_url"].rpartition("/")[2]

    text = (ROOT / "docs" / "runbooks" / name).read_text("utf-8")
    index = (ROOT / "docs" / "runbooks" / "README.md").read_text("utf-8")

    assert f"`{alert['alert']}`" in text
    [row] = re.findall(rf"^\| `{alert['alert']}` \| ([a-z, ]*) \| \[.*\]\((.*)\) \|$", index, re.M)
    assert row[1] == name
    assert alert["labels"]["severity"] in row[0].split(", ")
