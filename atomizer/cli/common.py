"""Flags that several commands share, and what they mean. Nothing here is slow to import."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from atomizer.config.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
HELP = {"help_option_names": ["-h", "--help"]}


def exchange_options(command: F) -> F:
    """`--exchange`, `--paper` and `--test`, for `settings_of`."""
    command = click.option("--test", is_flag=True, default=None, help="Test networks only.")(command)
    command = click.option("--paper", is_flag=True, help="The practice twin of the exchange, on this machine.")(command)
    return click.option("--exchange", metavar="NAME", help="derive, ccxt:NAME, sim or sim:VENUE.")(command)


def format_option(command: F) -> F:
    """`--format`, and `--json` for `--format json`."""
    command = click.option("--json", "form", flag_value="json", help="Same as --format json.")(command)
    choice = click.Choice(["table", "csv", "json"])
    return click.option("--format", "form", type=choice, default="table", show_default=True)(command)


def exchange_of(*, paper: bool, exchange: str | None) -> str | None:
    """The exchange that the flags mean: `--paper` alone is practice Derive, with `--exchange X` practice X."""
    if not paper:
        return exchange
    return exchange if exchange is not None and exchange.startswith("sim") else f"sim:{exchange or 'derive'}"


def seconds_of(flag: str, text: str | None) -> float | None:
    """A duration. Raises UsageError: not one, or none at all."""
    from atomizer.config.units import Seconds
    from atomizer.errors import UsageError

    if text is None:
        return None
    try:
        seconds = Seconds.parse(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
    if not seconds:
        raise UsageError(f"{flag}: must be longer than nothing, write 500ms or 2s")
    return seconds


def settings_of(exchange: str | None, *, paper: bool, test: bool | None) -> "Settings":
    """Settings under these flags."""
    from atomizer.config.load import default_file, load

    flags = {"exchange.name": exchange_of(paper=paper, exchange=exchange), "exchange.test_mode": test}
    return load(flags, os.environ, default_file()).settings
