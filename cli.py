"""certfactory: the command line; each command's room is a module of `jobs/commands/`."""

from __future__ import annotations

import click

from jobs.commands import (
    bulk,
    completion,
    demo,
    desk,
    enquiry,
    events,
    held,
    keys,
    register,
    running,
    sources,
    submit,
)
from jobs.commands.root import Commands

COMMANDS = (
    demo.demo_command,
    running.up,
    running.work,
    running.migrate,
    running.doctor_command,
    sources.sources_group,
    keys.keys_group,
    register.register_group,
    events.events_group,
    submit.submit,
    enquiry.status,
    enquiry.materials,
    enquiry.slip,
    desk.collect,
    desk.link,
    desk.verify,
    bulk.bulk_group,
    held.held_group,
    completion.completion,
)


@click.group(
    cls=Commands, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="certificate-factory")
def main() -> None:
    """Issue sealed electronic registration certificates, and reissue them in bulk.

    Events come in (submit), certificates are made by the workers (up, work), holders collect
    them (collect, link), and anyone can check a file (verify).

    \b
    Exit codes: 0 done | 1 refused or not genuine | 2 usage | 3 not set up
                4 not found | 5 state forbids it | 6 try again | 7 not in force
    """


if __name__ == "__main__":
    main()
