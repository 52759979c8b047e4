"""The flags of an order that a person places, and the guide's variables behind them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from atomizer.app.ticket import Ticket

F = TypeVar("F", bound=Callable[..., Any])


def ticket_options(command: F) -> F:
    """`--instrument`, `--side`, `--price` and `--amount`, each with its variable, and how the order is to behave."""
    options = [
        click.option("--instrument", envvar="ORDER_INSTRUMENT", metavar="NAME", help="Such as ETH-PERP."),
        click.option("--side", envvar="ORDER_SIDE", type=click.Choice(["buy", "sell"], case_sensitive=False)),
        click.option("--price", envvar="ORDER_PRICE", metavar="PRICE", help="Limit, in the currency of its prices."),
        click.option("--amount", envvar="ORDER_AMOUNT", metavar="SIZE", help="In units of the instrument."),
        click.option("--post-only", is_flag=True, help="Rest, or be refused."),
        click.option("--reduce-only", is_flag=True, help="Never more than closes the position."),
        click.option("--time-in-force", type=click.Choice(["gtc", "ioc"]), help="gtc rests, ioc trades or goes (gtc)."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def parse_ticket(
    *,
    instrument: str,
    side: str,
    price: str,
    amount: str,
    post_only: bool,
    reduce_only: bool,
    time_in_force: str | None,
) -> "Ticket":
    """The flags as an order.

    Raises:
        UsageError: flags that contradict each other, or a price or amount that is none.
    """
    from atomizer.app.ticket import Ticket
    from atomizer.domain.trading import Side, TimeInForce
    from atomizer.errors import UsageError

    if post_only and time_in_force == "ioc":
        raise UsageError("--post-only with --time-in-force ioc: one rests, the other never does: drop one")
    return Ticket(
        instrument=instrument.upper(),
        side=Side.BUY if side.lower() == "buy" else Side.SELL,
        price_nanos=parse_nanos_of("--price", price),
        amount_nanos=parse_nanos_of("--amount", amount),
        time_in_force=TimeInForce.POST_ONLY if post_only else TimeInForce(time_in_force or "gtc"),
        reduce_only=reduce_only,
    )


def parse_nanos_of(flag: str, text: str) -> int:
    """A figure above 0. Raises UsageError."""
    from atomizer.config.units import Positive
    from atomizer.errors import UsageError

    try:
        return Positive.parse(text).nanos
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None
