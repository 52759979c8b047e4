"""`atomizer markets`: what a venue lists, with prices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from atomizer.cli.common import HELP, exchange_options, format_option, settings_of

if TYPE_CHECKING:
    from atomizer.app.markets import Market
    from atomizer.cli.rows import Cell, Column
    from atomizer.venues.rysk.assets import Asset


@click.command(context_settings=HELP)
@click.option("--underlying", default="ETH", show_default=True, help="Of which underlying.")
@click.option("--expiry", metavar="YYYYMMDD", default="", help="Of one expiry only.")
@exchange_options
@format_option
def command(*, underlying: str, expiry: str, exchange: str | None, paper: bool, test: bool | None, form: str) -> None:
    """List instruments with bid, ask, mark, volatility and delta. Needs no credentials.

    `--exchange rysk` lists the tokens on which Rysk's takers ask for quotes.
    """
    from atomizer.app import markets, one_shot
    from atomizer.cli import rows

    settings = settings_of(exchange, paper=paper, test=test)
    if settings.exchange.name.venue == "rysk":
        assets = one_shot.run(settings, lambda endpoints: markets.fetch_rysk_assets(settings, endpoints))
        print(rows.render(form, *_asset_table(assets)), end="")
        return
    found = one_shot.run(
        settings, lambda endpoints: markets.fetch_markets(settings, endpoints, underlying.upper(), expiry)
    )
    print(rows.render(form, *_market_table(found)), end="")


def _market_table(found: "Sequence[Market]") -> "tuple[list[Column], list[list[Cell]]]":
    from atomizer._core.fixed import format_nanos
    from atomizer.cli.rows import Column

    def text(nanos: int | None) -> str | None:
        return None if nanos is None else format_nanos(nanos)

    columns = [
        Column("instrument", "instrument"),
        Column("priced in", "currency"),
        Column("bid", "bid", is_figure=True),
        Column("bid size", "bid_size", is_figure=True),
        Column("ask", "ask", is_figure=True),
        Column("ask size", "ask_size", is_figure=True),
        Column("mark", "mark", is_figure=True),
        Column("IV %", "iv_percent", is_figure=True),
        Column("delta", "delta", is_figure=True),
        Column("index USD", "index_usd", is_figure=True),
        Column("tick", "tick", is_figure=True),
        Column("lot", "lot", is_figure=True),
        Column("least", "min_size", is_figure=True),
    ]
    cells: list[list[Cell]] = []
    for each in found:
        instrument, mark = each.instrument, each.mark
        is_option = instrument.contract.is_option
        cells.append(
            [
                instrument.name,
                instrument.currency if is_option else "USD",
                text(each.bid_nanos),
                text(each.bid_amount_nanos),
                text(each.ask_nanos),
                text(each.ask_amount_nanos),
                text(mark.mark_nanos) if mark else None,
                f"{mark.iv * 100:.2f}" if mark and is_option else None,
                f"{mark.delta:.4f}" if mark else None,
                text(mark.index_nanos) if mark else None,
                text(instrument.tick_nanos),
                text(instrument.lot_nanos),
                text(instrument.min_amount_nanos),
            ]
        )
    return columns, cells


def _asset_table(found: "Sequence[Asset]") -> "tuple[list[Column], list[list[Cell]]]":
    from atomizer._core.fixed import format_e18
    from atomizer.cli.rows import Column

    columns = [
        Column("asset", "symbol"),
        Column("underlying", "underlying"),
        Column("chain", "chain_id", is_figure=True),
        Column("address", "address"),
        Column("decimals", "decimals", is_figure=True),
        Column("least", "min_size", is_figure=True),
        Column("most", "max_size", is_figure=True),
        Column("active", "is_active"),
    ]
    cells: list[list[Cell]] = [
        [
            each.symbol,
            each.underlying,
            each.chain_id,
            each.address,
            each.decimals,
            format_e18(each.minimum_e18),
            format_e18(each.maximum_e18),
            each.is_active,
        ]
        for each in found
    ]
    return columns, cells
