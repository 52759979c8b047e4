"""`atomizer manual-order`: one order, through the same gate and journal as every other."""

import sys

import click

from atomizer.cli.common import HELP, exchange_options, settings_of
from atomizer.cli.ticket import parse_ticket, ticket_options


@click.command(context_settings=HELP)
@ticket_options
@exchange_options
@click.option("--json", "as_json", is_flag=True, help="The outcome as JSON.")
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
    as_json: bool,
) -> None:
    """Place one order and say what became of it: accepted, refused or unknown.

    What a flag leaves out comes from ORDER_INSTRUMENT, ORDER_SIDE, ORDER_PRICE and ORDER_AMOUNT. Exit code 0 when the
    venue accepted, 6 when it refused, 7 when our own risk gate did, 9 when the order may live and nobody knows.
    """
    from atomizer.app import one_shot
    from atomizer.app.manual import place_one
    from atomizer.cli.order_view import EXIT_CODES, render_placed
    from atomizer.errors import UsageError

    if instrument is None or side is None or price is None or amount is None:
        given = {"--instrument": instrument, "--side": side, "--price": price, "--amount": amount}
        missing = ", ".join(flag for flag, value in given.items() if value is None)
        raise UsageError(f"missing {missing}: give it, or set ORDER_INSTRUMENT, ORDER_SIDE, ORDER_PRICE, ORDER_AMOUNT")
    ticket = parse_ticket(
        instrument=instrument,
        side=side,
        price=price,
        amount=amount,
        post_only=post_only,
        reduce_only=reduce_only,
        time_in_force=time_in_force,
    )
    settings = settings_of(exchange, paper=paper, test=test)
    placed = one_shot.run(
        settings, lambda endpoints: place_one(settings, endpoints, ticket, lambda line: click.echo(line, err=True))
    )
    print(render_placed(ticket, placed, as_json=as_json), end="")
    sys.exit(EXIT_CODES[placed.outcome])
