"""`atomizer market-maker`: flags to settings and a selection, one run, and its report."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from atomizer.config.settings import Chain, Settings

# flag → dotted key of the setting that it sets
KEYS = {
    "exchange": "exchange.name",
    "test": "exchange.test_mode",
    "http_port": "http.port",
    "size": "market_maker.size",
    "spread": "market_maker.spread",
    "min_spread": "market_maker.min_spread",
    "improvement": "market_maker.improvement",
    "improvement_reference_size": "market_maker.improvement_reference_size",
    "aggression": "market_maker.aggression",
    "max_position": "market_maker.max_position",
    "max_exposure": "market_maker.max_exposure",
    "refresh": "market_maker.refresh",
    "bid_only": "market_maker.bid_only",
    "ask_only": "market_maker.ask_only",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--exchange", metavar="NAME", help="Where to quote: derive, deribit, or their practice twins.")
@click.option("--paper", is_flag=True, help="Practice venues on this machine, same as --exchange sim.")
@click.option("--test", is_flag=True, default=None, help="Test networks only.")
@click.option("--underlying", default="ETH", metavar="NAME", help="Whose options (ETH).")
@click.option("--expiry", multiple=True, metavar="YYYYMMDD", help="An expiry to quote; may be repeated.")
@click.option("--strikes", metavar="A,B,C", help="Strikes to quote, of each expiry.")
@click.option("--all-strikes", is_flag=True, help="Every listed strike, also ones that appear later.")
@click.option(
    "--option-type", type=click.Choice(["C", "P", "both"]), default="both", help="Calls, puts or both (both)."
)
@click.option("--size", metavar="UNITS", help="Size of each quote (0.1).")
@click.option("--spread", metavar="BPS", help="How far apart sides stand that the book does not give (50).")
@click.option("--min-spread", metavar="BPS", help="A narrower quote is drawn round mid (10).")
@click.option("--improvement", metavar="USD", help="How far from aggression 1 on quotes go beyond the book (0.1).")
@click.option("--improvement-reference-size", metavar="UNITS", help="Levels thinner than this are passed over (0).")
@click.option("--aggression", metavar="X", help="Below 1: share of the way to mid; from 1 on: beyond the book (1).")
@click.option("--max-position", metavar="UNITS", help="Largest position of an instrument (10).")
@click.option("--max-exposure", metavar="UNITS", help="Largest sum of the positions of all instruments (100).")
@click.option("--refresh", metavar="TIME", help="Longest time between looks; events are answered at once (5s).")
@click.option("--bid-only", is_flag=True, default=None, help="Only buy.")
@click.option("--ask-only", is_flag=True, default=None, help="Only sell.")
@click.option("--http-port", type=int, metavar="PORT", help="Health, status and kill over HTTP (8080); 0: none.")
@click.option("--for", "duration", metavar="TIME", help="Stop by itself after this time.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the practice market.")
@click.option("--dry-run", is_flag=True, help="Show where each quote would sit, and send nothing.")
@click.option("--debug", is_flag=True, help="Explain each decision in one line.")
@click.option("--log-level", type=click.Choice(["trace", "debug", "info", "warning", "error"]), help="Default info.")
@click.option("--performance-mode", is_flag=True, help="Spin on the sockets, hold the collector, lock memory.")
@click.option("--config", "file", type=click.Path(path_type=Path, exists=True), help="Another file than config.yaml.")
def command(
    paper: bool,
    underlying: str,
    expiry: tuple[str, ...],
    strikes: str | None,
    all_strikes: bool,
    option_type: Literal["C", "P", "both"],
    duration: str | None,
    seed: int | None,
    dry_run: bool,
    debug: bool,
    log_level: str | None,
    performance_mode: bool,
    file: Path | None,
    **flags: Any,
) -> None:
    """Quote both sides of options without pause. Ctrl-C pulls every quote and proves it; a second one ends at once."""
    from atomizer.app.stopping import Stopping

    stopping = Stopping()
    from atomizer.app.practice import venues_for
    from atomizer.cli.common import exchange_of, seconds_of
    from atomizer.config.load import config_path, default_file, load

    flags["exchange"] = exchange_of(paper=paper, exchange=flags["exchange"])
    chains = _chains(underlying, expiry, strikes, all_strikes=all_strikes, option_type=option_type)
    values = {KEYS[name]: value for name, value in flags.items()}

    def read_settings() -> "Settings":
        return load(values, os.environ, file or default_file()).settings

    settings = read_settings()
    duration_s = seconds_of("--for", duration)
    from atomizer.app.market_making_run import MakerOptions, Out, check_maker, run_maker
    from atomizer.cli.market_maker_view import print_quotes, render_maker_report
    from atomizer.errors import Killed, OrdersMayLive

    level = log_level or ("debug" if debug else "info")
    options = MakerOptions(
        chains=chains,
        underlying=underlying,
        duration_s=duration_s,
        dry_run=dry_run,
        log_level="debug" if level == "trace" else level,
        log_console=debug,
        performance=performance_mode,
        reread=read_settings,
        config=file or config_path(),
    )
    check_maker(settings, options)
    with venues_for(settings, seed) as venues:
        out = Out(lambda text: click.echo(text, err=True), print_quotes)
        report = run_maker(settings, options, venues, stopping, out)
        if report is None:
            click.echo("stopped before anything was sent", err=True)
            return
        if not dry_run:
            print(render_maker_report(report))
        if report.live_orders:
            sys.exit(OrdersMayLive.exit_code)
        if cause := report.making.emergency.killed:
            raise Killed(f"killed: {cause}: look at the positions, then `atomizer kill --clear`")


def _chains(
    underlying: str,
    expiry: tuple[str, ...],
    strikes: str | None,
    *,
    all_strikes: bool,
    option_type: Literal["C", "P", "both"],
) -> "tuple[Chain, ...]":
    from atomizer.config.settings import Chain
    from atomizer.config.units import Days, Strikes

    if strikes is not None and all_strikes:
        raise click.UsageError("--strikes and --all-strikes: only one of both can be meant")
    has_strikes = strikes is not None or all_strikes
    if has_strikes and not expiry:
        raise click.UsageError(f"{'--all-strikes' if all_strikes else '--strikes'} needs --expiry YYYYMMDD")
    if expiry and not has_strikes:
        raise click.UsageError("--expiry needs --strikes A,B or --all-strikes")
    if not expiry:
        return ()
    try:
        chosen = Strikes() if strikes is None else Strikes.parse(strikes)
        return (Chain(Days.parse(list(expiry)), chosen, underlying, option_type),)
    except ValueError as error:
        raise click.UsageError(f"--expiry or --strikes: {error}") from None
