"""`atomizer test-exchange`: whether exchanges work from here, one or all."""

import sys
from typing import TYPE_CHECKING

import click

from atomizer.cli.common import HELP, exchange_options, settings_of

if TYPE_CHECKING:
    from atomizer.app.practice import Endpoints
    from atomizer.app.steps import Steps
    from atomizer.config.settings import Settings
    from atomizer.config.units import VenueName


@click.command(context_settings=HELP)
@click.option("--all", "is_all", is_flag=True, help="Every exchange there is.")
@click.option("--name", metavar="NAME", help="One exchange.")
@click.option("--full", is_flag=True, help="More channels and more answers: slower, and surer.")
@exchange_options
@click.option("--json", "as_json", is_flag=True, help="The steps as JSON.")
def command(
    *,
    is_all: bool,
    name: str | None,
    full: bool,
    exchange: str | None,
    paper: bool,
    test: bool | None,
    as_json: bool,
) -> None:
    """Check exchanges one step at a time: DNS, TLS, clock, public and private reads, a subscription and latency.

    With `--paper` or `--exchange sim` the practice venues. Sends no order and logs in on no socket, so it is safe
    beside a running trader.
    """
    from atomizer.app import one_shot
    from atomizer.app.checks import every_exchange
    from atomizer.cli.step_view import render_steps
    from atomizer.errors import UsageError

    if is_all == (name is not None):
        raise UsageError("say which: --all, or --name NAME")
    settings = settings_of(name or exchange, paper=paper, test=test)
    names = every_exchange(settings) if is_all else [settings.exchange.name]
    found = one_shot.run(settings, lambda endpoints: _check_all(names, settings, endpoints, full=full))
    checks = [(each, steps.taken) for each, steps in found.items()]
    print(render_steps("json" if as_json else "table", checks, "exchange"), end="")
    sys.exit(next((steps.exit_code for steps in found.values() if steps.exit_code), 0))


async def _check_all(
    names: "list[VenueName]", settings: "Settings", endpoints: "Endpoints | None", *, full: bool
) -> "dict[str, Steps]":
    from atomizer.app.checks import check

    return {str(name): await check(name, settings, endpoints, full=full) for name in names}
