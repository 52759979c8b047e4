"""`atomizer test-order`: whether an order would work, step by step."""

import sys

import click

from atomizer.cli.common import HELP, exchange_options, settings_of
from atomizer.cli.ticket import parse_nanos_of, ticket_options


@click.command(context_settings=HELP)
@ticket_options
@exchange_options
@click.option("--live", is_flag=True, help="Also place one, post-only and far from the market, cancel it, see it gone.")
@click.option("--json", "as_json", is_flag=True, help="The steps as JSON.")
def command(
    *,
    instrument: str | None,
    side: str | None,
    price: str | None,
    amount: str | None,
    post_only: bool,
    reduce_only: bool,
    time_in_force: str | None,
    exchange: str | None,
    paper: bool,
    test: bool | None,
    live: bool,
    as_json: bool,
) -> None:
    """Check an order's way without sending it: listing, risk gate, signature, the venue's own check.

    What is left out: ETH-PERP, buy, far from the market, the venue's least amount. With --live a real order follows at
    a price where nobody trades. Exit code 0 when every step succeeded, 6 or 7 by the first that did not, 9 when the
    order may live.
    """
    from atomizer.app import one_shot
    from atomizer.app.order_check import Wanted, check_order
    from atomizer.cli.step_view import render_steps
    from atomizer.domain.trading import Side, TimeInForce

    wanted = Wanted(
        instrument=(instrument or "ETH-PERP").upper(),
        side=Side.SELL if (side or "").lower() == "sell" else Side.BUY,
        price_nanos=parse_nanos_of("--price", price) if price is not None else None,
        amount_nanos=parse_nanos_of("--amount", amount) if amount is not None else None,
        time_in_force=TimeInForce.POST_ONLY if post_only else TimeInForce(time_in_force or "gtc"),
        reduce_only=reduce_only,
    )
    settings = settings_of(exchange, paper=paper, test=test)
    where, steps = one_shot.run(settings, lambda endpoints: check_order(settings, endpoints, wanted, live=live))
    click.echo(where, err=True)
    print(render_steps("json" if as_json else "table", [("", steps.taken)]), end="")
    sys.exit(steps.exit_code)
