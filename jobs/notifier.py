"""The notifier: one process a host that sends notices (`jobs.notifying`) until SIGTERM.

``python -m jobs.notifier`` runs it; several may run at once.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

from jobs import logs
from jobs.notifying import Sender
from jobs.settings import Settings
from jobs.wiring import plant_of


def main() -> None:
    """Run until SIGTERM or SIGINT; what is being sent is finished."""
    settings = Settings.from_env(os.environ)
    logs.configure(settings.log_level)
    sender = Sender(plant_of(settings))

    def stop(_number: int, _frame: FrameType | None) -> None:
        sender.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    sender.run()


if __name__ == "__main__":
    main()
