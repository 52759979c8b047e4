"""`atomizer orders`: what rests at the venue, once or again and again."""

import asyncio
import sys
import time
from typing import TYPE_CHECKING

import click

from atomizer.cli.common import HELP, exchange_options, format_option, seconds_of, settings_of

if TYPE_CHECKING:
    from atomizer.app.practice import Endpoints
    from atomizer.config.settings import Settings
    from atomizer.domain.session import OpenOrder

_CLEAR = "\x1b[H\x1b[2J"


@click.command(context_settings=HELP)
@exchange_options
@format_option
@click.option("--watch", metavar="TIME", help="Look again after this time, until Ctrl-C.")
@click.option("--for", "duration", metavar="TIME", help="With --watch: stop by itself after this time.")
def command(
    *, exchange: str | None, paper: bool, test: bool | None, form: str, watch: str | None, duration: str | None
) -> None:
    """Show every open order of the account, ours and others. Only reads, also beside a running trader."""
    from atomizer.app import one_shot

    settings = settings_of(exchange, paper=paper, test=test)
    every_s, for_s = seconds_of("--watch", watch), seconds_of("--for", duration)
    one_shot.run(settings, lambda endpoints: _show(settings, endpoints, form, every_s, for_s))


async def _show(
    settings: "Settings", endpoints: "Endpoints | None", form: str, every_s: float | None, for_s: float | None
) -> None:
    from atomizer.app.open_orders import OpenOrders

    asked = OpenOrders(settings, endpoints)
    end_s = time.monotonic() + for_s if for_s is not None else None
    while True:
        text = _rendered(await asked.fetch(), form)
        if every_s is None:
            click.echo(text, nl=False)
            return
        now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        clear = _CLEAR if sys.stdout.isatty() else ""
        click.echo(f"{clear}{now}  {asked.owner}\n{text}", nl=False)
        if end_s is not None and time.monotonic() + every_s > end_s:
            return
        await asyncio.sleep(every_s)


def _rendered(resting: "list[OpenOrder]", form: str) -> str:
    from atomizer._core.fixed import format_nanos
    from atomizer.cli.rows import Column, render

    columns = [
        Column("instrument", "instrument"),
        Column("side", "side"),
        Column("price", "price", is_figure=True),
        Column("size", "size", is_figure=True),
        Column("filled", "filled", is_figure=True),
        Column("age s", "age_s", is_figure=True),
        Column("label", "label"),
        Column("venue's id", "order_id"),
    ]
    now_ns = time.time_ns()
    rows = [
        [
            order.instrument,
            order.side.word,
            format_nanos(order.price_nanos),
            format_nanos(order.amount_nanos),
            format_nanos(order.filled_nanos),
            f"{(now_ns - order.created_ns) / 1e9:.1f}",
            order.client_id,
            order.order_id,
        ]
        for order in resting
    ]
    if form == "table" and not rows:
        return "no open orders\n"
    return render(form, columns, rows)
