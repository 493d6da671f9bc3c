"""Settings come from the environment alone; what is wrong is said with its variable."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from factory.errors import SettingsError
from jobs.settings import Settings, settings_table, variables

ROOT = Path(__file__).parents[2]
STORE = {
    "FACTORY_S3_ENDPOINT": "https://s3.example",
    "FACTORY_S3_KEY": "a key",
    "FACTORY_S3_SECRET": "a secret",
}

WRONG = {
    "FACTORY_REDIS_URL": "broker.example:6379",
    "FACTORY_DB_URL": "mysql://db.example/factory",
    "FACTORY_S3_ENDPOINT": "s3.example",
    "FACTORY_S3_BUCKET": "No",
    "FACTORY_NAMESPACE": "two words",
    "FACTORY_CHUNK_ITEMS": "101",
    "FACTORY_HEARTBEAT_MS": "soon",
    "FACTORY_LEASE_SECONDS": "0",
    "FACTORY_METRICS_PORT": "65536",
    "FACTORY_VERIFY_URL": "verify.example",
    "FACTORY_NOTIFY_HOSTS": "https://portal.example/",
    "FACTORY_NOTIFY_TRIES": "0",
    "FACTORY_NOTICE_SOURCE": "two words",
    "FACTORY_LINK_SECONDS": "604801",
    "FACTORY_LOG_LEVEL": "loud",
}


def test_nothing_needs_to_be_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_env({})

    assert settings.data_dir == tmp_path / "var" / "factory"
    assert settings.db_url == f"sqlite:///{tmp_path}/var/factory/ledger.sqlite3"
    assert settings.keyring_dir == tmp_path / "var" / "factory" / "keyring"
    assert (settings.redis_url, settings.s3_endpoint) == ("", "")


def test_an_empty_variable_is_as_good_as_none() -> None:
    settings = Settings.from_env(dict.fromkeys(variables(), " "))

    assert settings == Settings.from_env({})


@pytest.mark.parametrize(("variable", "value"), WRONG.items())
def test_a_wrong_value_is_refused_with_its_variable_and_an_example(
    variable: str, value: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({variable: value})

    assert re.fullmatch(rf"{variable} must .*; for example .+", str(refused.value))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_always_reached_through_psycopg(scheme: str) -> None:
    settings = Settings.from_env({"FACTORY_DB_URL": f"{scheme}://db.example/factory"})

    assert settings.db_url == "postgresql+psycopg://db.example/factory"


def test_links_name_the_endpoint_unless_told_otherwise() -> None:
    same = Settings.from_env(STORE)
    other = Settings.from_env({**STORE, "FACTORY_S3_PUBLIC_ENDPOINT": "https://files.example"})

    assert same.s3_public_endpoint == "https://s3.example"
    assert other.s3_public_endpoint == "https://files.example"


def test_a_store_without_credentials_is_refused() -> None:
    with pytest.raises(SettingsError, match="FACTORY_S3_KEY and FACTORY_S3_SECRET"):
        Settings.from_env({"FACTORY_S3_ENDPOINT": "https://s3.example"})


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from the file\n")

    settings = Settings.from_env(
        {**STORE, "FACTORY_S3_SECRET": "", "FACTORY_S3_SECRET_FILE": str(file)}
    )

    assert settings.s3_secret == "from the file"


def test_a_secret_file_that_cannot_be_read_is_refused_with_its_variable(tmp_path: Path) -> None:
    missing = {"FACTORY_DB_URL_FILE": str(tmp_path / "missing")}

    with pytest.raises(SettingsError, match=r"FACTORY_DB_URL_FILE: .*No such file"):
        Settings.from_env(missing)


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    both = {"FACTORY_S3_SECRET": "one", "FACTORY_S3_SECRET_FILE": str(tmp_path / "other")}

    with pytest.raises(SettingsError, match="both set"):
        Settings.from_env(both)


def test_no_secret_is_shown(tmp_path: Path) -> None:
    secrets = {
        **STORE,
        "FACTORY_REDIS_URL": "redis://:hidden-one@broker.example",
        "FACTORY_DB_URL": "postgresql://factory:hidden-two@db.example/factory",
        "FACTORY_S3_KEY": "hidden-three",
        "FACTORY_S3_SECRET": "hidden-four",
    }

    shown = repr(Settings.from_env(secrets))

    assert "hidden" not in shown


@pytest.mark.parametrize("variable", ["FACTORY_DB_URL", "FACTORY_REDIS_URL"])
def test_a_wrong_secret_is_refused_without_saying_it(variable: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({variable: "ftp://someone:hidden@example"})

    assert "hidden" not in str(refused.value)


def test_a_child_process_gets_the_same_settings_whatever_it_inherits(tmp_path: Path) -> None:
    inherited = {"FACTORY_S3_SECRET_FILE": str(tmp_path / "elsewhere"), "FACTORY_PREFETCH": "9"}
    settings = replace(Settings.from_env(STORE), namespace="child", profiles_dir=tmp_path)

    handed_on = Settings.from_env({**inherited, **settings.to_env()})

    assert handed_on == settings


def test_every_setting_says_what_it_means() -> None:
    rows = settings_table().splitlines()[2:]

    assert len(rows) == len(fields(Settings))
    assert all(re.fullmatch(r"\| `FACTORY_\w+` \| \S.* \| \S.* \|", row) for row in rows)


def test_the_table_in_the_documents_is_the_one_in_the_code() -> None:
    """Renewed by ``make settings-table``."""
    written = (ROOT / "README.md").read_text(encoding="utf-8")

    assert settings_table() in written


def test_the_documents_name_no_variable_that_does_not_exist() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")]

    named = {
        name
        for page in pages
        if page.exists()
        for name in re.findall(r"FACTORY_[A-Z0-9_]+\b", page.read_text(encoding="utf-8"))
    }

    assert named <= set(variables())
