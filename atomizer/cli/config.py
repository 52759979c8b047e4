"""`atomizer config show|check`: what is configured, and where each value came from."""

import os
from pathlib import Path

import click


@click.group()
def command() -> None:
    """Show or check the configuration."""


@command.command()
@click.option("--origin", is_flag=True, help="Say where each value came from.")
@click.option("--config", "file", type=click.Path(path_type=Path, exists=True), help="Another file than config.yaml.")
def show(origin: bool, file: Path | None) -> None:
    """Print every setting with its value."""
    from atomizer.config.load import default_file, load, rows

    found = rows(load({}, os.environ, file or default_file()))
    width = max(len(key) for key, _, _ in found)
    for key, value, where in found:
        print(f"{key:<{width}}  {value:<20}  {where}".rstrip() if origin else f"{key:<{width}}  {value}".rstrip())


@command.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
def check(file: Path) -> None:
    """Say whether FILE would be accepted; exit 4 with the key and the remedy when not."""
    from atomizer.config.load import load

    load({}, {}, file)
    print(f"{file}: ok")
