"""certfactory: the command line; each command calls one function of a package."""

import click


@click.group()
def main() -> None:
    """Issues sealed electronic registration certificates."""


if __name__ == "__main__":
    main()
