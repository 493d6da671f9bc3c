"""`tsa`: a small time-stamping authority on this machine, for trials."""

from __future__ import annotations

import os

import click

from jobs import tsa
from jobs.commands.output import err
from jobs.settings import Settings
from storage.tsa import TEST, open_test


@click.command("tsa")
@click.option(
    "--port", default=3161, show_default=True, help="Of this machine; 0 takes a free one."
)
@click.option("--name", default=TEST, show_default=True, help="Of the authority in the keyring.")
def tsa_command(port: int, name: str) -> None:
    """Run a small time-stamping authority with the test key of the keyring, for trials.

    It stamps whatever it is asked for on this machine (RFC 3161) until Ctrl-C, and its
    certificate says 测试 TEST: its stamps prove nothing to anybody.  `up` runs one by itself.
    """
    keyring = Settings.from_env(os.environ).keyring_dir
    open_test(keyring, name)
    with tsa.stamping(port, tsa.Desk(keyring, name)) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        err.print(f"test time stamps on {address}; Ctrl-C stops it", markup=False)
        err.print(f"  export FACTORY_TSA_URL={address}", markup=False)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
