"""`atomizer rfq-responder`: flags to settings, one run, and its report."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from atomizer.config.settings import Settings

# flag → dotted key of the setting that it sets
KEYS = {
    "exchange": "exchange.name",
    "test": "exchange.test_mode",
    "http_port": "http.port",
    "rfq_source": "rfq.source",
    "ws_url": "rfq.ws_url",
    "rfq_assets": "rfq.assets",
    "dummy_price": "rfq.dummy_price",
    "quote_duration": "rfq.quote_duration",
    "cache_ttl": "rfq.cache_ttl",
    "parallel_quotes": "rfq.parallel_quotes",
    "enable_hedging": "hedging.enabled",
    "hedge_mode": "hedging.mode",
    "hedge_exchange": "hedging.venue",
    "enable_cross_hedge": "hedging.cross",
    "max_delta": "risk.max_delta",
    "enable_gamma": "hedging.gamma",
    "enable_manual": "rfq.manual",
    "gamma_threshold": "hedging.gamma_threshold",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--exchange", "--primary-exchange", metavar="NAME", help="Where to take prices from and hedge.")
@click.option("--paper", is_flag=True, help="The practice twin of the exchange, on this machine.")
@click.option("--test", is_flag=True, default=None, help="Test networks only.")
@click.option(
    "--rfq-source",
    metavar="NAME",
    help="Where RFQs come from: rysk; derive, deribit with that --exchange. Left out: by --ws-url.",
)
@click.option("--ws-url", metavar="URL", help="Another address of the RFQ venue.")
@click.option("--rfq-assets", metavar="A,B", help="Addresses of the assets whose RFQs we want.")
@click.option("--dummy-price", metavar="USD", help="A fixed price, for tests of the connection.")
@click.option("--quote-duration", metavar="TIME", help="How long a quote is valid (30s).")
@click.option("--cache-ttl", metavar="TIME", help="How long a standing quote's price is good unseen (100ms).")
@click.option("--parallel-quotes", metavar="N", type=int, help="How many RFQs are priced in one go (16).")
@click.option("--enable-hedging", is_flag=True, default=None, help="Hedge what is won.")
@click.option("--hedge-mode", metavar="MODE", help="option: the same option back to back; perpetual: its delta.")
@click.option("--hedge-exchange", metavar="NAME", help="Hedge there instead, in its linear perpetual.")
@click.option("--enable-cross-hedge", is_flag=True, default=None, help="Allow --hedge-exchange to be another venue.")
@click.option("--enable-gamma", is_flag=True, default=None, help="Hedge in options what adds to too much gamma.")
@click.option("--gamma-threshold", metavar="GAMMA", help="Net gamma of a coin that may be kept, delta per USD (0.5).")
@click.option("--enable-manual", is_flag=True, default=None, help="Take the orders of `manual-order` meanwhile.")
@click.option("--max-delta", metavar="UNITS", help="Largest net delta of an underlying (10).")
@click.option("--http-port", type=int, metavar="PORT", help="Health, status and kill over HTTP (8080); 0: none.")
@click.option("--for", "duration", metavar="TIME", help="Stop by itself after this time.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the practice market.")
@click.option("--performance-mode", is_flag=True, help="Spin on the sockets, hold the collector, lock memory.")
@click.option("--dry-run", is_flag=True, help="Decide and sign, print instead of sending.")
@click.option("--verbose", is_flag=True, help="Log each decision.")
@click.option("--debug", is_flag=True, help="Log everything.")
@click.option("--log-level", type=click.Choice(["trace", "debug", "info", "warning", "error"]), help="Default info.")
@click.option("--config", "file", type=click.Path(path_type=Path, exists=True), help="Another file than config.yaml.")
def command(
    paper: bool,
    duration: str | None,
    seed: int | None,
    performance_mode: bool,
    dry_run: bool,
    verbose: bool,
    debug: bool,
    log_level: str | None,
    file: Path | None,
    **flags: Any,
) -> None:
    """Answer RFQs with signed quotes and hedge what is won. Ctrl-C ends it cleanly; a second one at once."""
    from atomizer.app.stopping import Stopping

    stopping = Stopping()
    from atomizer.app.practice import venues_for
    from atomizer.cli.common import exchange_of, seconds_of
    from atomizer.config.load import config_path, default_file, load
    from atomizer.errors import Killed, OrdersMayLive, UsageError

    flags["exchange"] = exchange_of(paper=paper, exchange=flags["exchange"])
    if flags["enable_gamma"] and flags["hedge_mode"] == "option":
        raise UsageError("--enable-gamma: --hedge-mode option hedges the gamma of every win already: leave one out")
    if flags["enable_cross_hedge"] or flags["enable_gamma"]:
        flags["enable_hedging"] = True
        flags["hedge_mode"] = flags["hedge_mode"] or "perpetual"
    values = {KEYS[name]: value for name, value in flags.items()}

    def read_settings() -> "Settings":
        return load(values, os.environ, file or default_file()).settings

    settings = read_settings()
    duration_s = seconds_of("--for", duration)
    with venues_for(settings, seed) as venues:  # they come up while we import the rest
        from atomizer.app.run import Options, run
        from atomizer.cli.report import render_report

        level = log_level or ("debug" if debug else "info")
        options = Options(
            duration_s=duration_s,
            dry_run=dry_run,
            log_level="debug" if level == "trace" else level,
            log_console=verbose or debug,
            performance=performance_mode,
            reread=read_settings,
            config=file or config_path(),
        )
        report = run(settings, options, venues, lambda text: click.echo(text, err=True), stopping)
        if report is None:
            click.echo("stopped before anything was sent", err=True)
            return
        print(render_report(report))
        if report.live_orders:
            sys.exit(OrdersMayLive.exit_code)
        if killed := report.trader.emergency.killed:
            raise Killed(f"killed: {killed}: look at the positions, then `atomizer kill --clear`")
