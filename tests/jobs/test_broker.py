"""The broker: a lost one is told with what to start."""

from dataclasses import replace
from pathlib import Path

import pytest

from factory.errors import StoreUnavailableError
from jobs import broker
from jobs.servers import free_port
from jobs.settings import Settings


def test_a_broker_that_gives_no_answer_is_told_with_what_to_start(tmp_path: Path) -> None:
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path)})
    url = f"redis://127.0.0.1:{free_port()}"

    with pytest.raises(StoreUnavailableError, match="start what FACTORY_REDIS_URL") as away:
        broker.ping(broker.connect(replace(settings, redis_url=url)))

    assert "`certfactory up`" in str(away.value)
    assert url not in str(away.value)
