"""`atomizer sim start`: the practice venues by themselves, on loopback, until they are stopped."""

from pathlib import Path

import click


@click.group()
def command() -> None:
    """The practice venues by themselves."""


def _seconds(_: click.Context, __: click.Parameter, text: str) -> float:
    from atomizer.config.units import Seconds

    try:
        seconds = Seconds.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if not seconds:
        raise click.BadParameter("must be longer than nothing, write 500ms or 2s")
    return seconds


_PORT = click.IntRange(0, 65535)


@command.command()
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed, the same day.")
@click.option("--derive-port", type=_PORT, default=0, help="Port of practice Derive; any free one when left out.")
@click.option("--deribit-port", type=_PORT, default=0, help="Port of practice Deribit; any free one when left out.")
@click.option("--rysk-port", type=_PORT, default=0, help="Port of practice Rysk; any free one when left out.")
@click.option(
    "--endpoints",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write where the venues listen, as JSON; removed at the end.",
)
@click.option(
    "--rfq-interval", callback=_seconds, default="1500ms", show_default=True, help="Average time between two RFQs."
)
@click.option(
    "--fault",
    default="calm",
    show_default=True,
    help="What goes wrong on the wire: calm, rough, storm, or a plan like drop=0.5%,delay=5%:200ms,deribit/gap=1%.",
)
@click.option("--market-maker", is_flag=True, help="Practice Derive grants our account a market maker's request rates.")
@click.option("--exit-with-parent", is_flag=True, help="End when standard input does.")
def start(
    *,
    seed: int,
    derive_port: int,
    deribit_port: int,
    rysk_port: int,
    endpoints: Path | None,
    rfq_interval: float,
    fault: str,
    market_maker: bool,
    exit_with_parent: bool,
) -> None:
    """Start the practice venues: Derive, Deribit and Rysk over one market, on loopback.

    Prints one line of JSON with their addresses once they listen, and on standard error one for each fault that
    strikes. Ctrl-C or SIGTERM ends them.
    """
    from atomizer.sim.server import Options, run

    run(
        Options(
            seed=seed,
            derive_port=derive_port,
            deribit_port=deribit_port,
            rysk_port=rysk_port,
            endpoints=endpoints,
            rfq_interval_s=rfq_interval,
            fault=fault,
            is_market_maker=market_maker,
            exit_with_parent=exit_with_parent,
        )
    )
