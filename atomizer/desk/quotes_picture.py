"""How a market maker's part of the snapshot looks: counters, and one line for each instrument's quotes."""

from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from atomizer._core.fixed import format_nanos
from atomizer.desk.snapshot import Making, QuoteRow, SmileRow

QUOTE_LINES = 24
_RIGHT = ("bid", "size", "market bid", "mark", "market ask", "size", "ask", "last", "position")


def price(nanos: int | None) -> str:
    return "-" if nanos is None else format_nanos(nanos)


def share(of_whole: float | None) -> str:
    return "?" if of_whole is None else f"{of_whole:.1%}"


def making(made: Making) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("instruments", str(len(made.quotes)))
    table.add_row("quotes resting", str(_resting(made)))
    table.add_row("orders", str(made.orders))
    table.add_row("replaced", str(made.replaces))
    table.add_row("cancelled", str(made.cancels))
    table.add_row("both sides up", share(made.uptime))
    table.add_row("at the touch", share(made.at_touch))
    for underlying, volatility in made.volatilities.items():
        table.add_row(f"volatility index {underlying}", f"{volatility:.1%}")
    table.add_row("fills", Text(str(made.fills), style="bold green"))
    for reason, count in sorted(made.refusals.items(), key=lambda item: -item[1])[:4]:
        table.add_row(Text(f"  {reason}", style="dim"), Text(str(count), style="dim"))
    return Panel(table, title="quotes", title_align="left")


def quotes(rows: tuple[QuoteRow, ...]) -> RenderableType:
    table = Table(expand=True, title_justify="left", pad_edge=False, box=None, header_style="bold")
    table.add_column("instrument", no_wrap=True)
    for header in _RIGHT:
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("why not", no_wrap=True)
    for row in rows[:QUOTE_LINES]:
        table.add_row(
            row.instrument,
            price(row.bid_nanos),
            format_nanos(row.bid_size_nanos) if row.bid_size_nanos else "",
            price(row.market_bid_nanos),
            price(row.mark_nanos),
            price(row.market_ask_nanos),
            format_nanos(row.ask_size_nanos) if row.ask_size_nanos else "",
            price(row.ask_nanos),
            price(row.last_nanos),
            format_nanos(row.position_nanos),
            row.why,
        )
    if len(rows) > QUOTE_LINES:
        table.add_row(f"and {len(rows) - QUOTE_LINES} more", style="dim")
    return Panel(table, title="instruments", title_align="left")


def smiles(rows: tuple[SmileRow, ...]) -> RenderableType:
    table = Table(expand=True, pad_edge=False, box=None, header_style="bold")
    table.add_column("expiry", no_wrap=True)
    for header in ("points", "misses by", "at the money", "least density"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("calendar", no_wrap=True)
    table.add_column("why not", no_wrap=True)
    for row in rows:
        table.add_row(
            row.expiry,
            str(row.points),
            "?" if row.rms_points is None else f"{row.rms_points:.2f} pt",
            share(row.at_the_money),
            "?" if row.lowest_g is None else f"{row.lowest_g:.3f}",
            row.arbitrage,
            row.why,
        )
    return Panel(table, title="smiles", title_align="left")


def tell_making(made: Making) -> str:
    """The counters in one line."""
    why = " ".join(f"{reason}={count}" for reason, count in sorted(made.refusals.items()))
    return (
        f"{len(made.quotes)} instruments, {_resting(made)} quotes resting, {made.orders} orders, "
        f"{made.replaces} replaced, {made.cancels} cancelled, {made.fills} fills, both sides up {share(made.uptime)}, "
        f"at the touch {share(made.at_touch)}, refused ({why or 'none'}){_tell_smiles(made.smiles)}"
    )


def _tell_smiles(rows: tuple[SmileRow, ...]) -> str:
    if not rows:
        return ""
    bad = "; ".join(f"{row.expiry} {row.why}" for row in rows if row.why)
    return f", smiles {sum(not row.why for row in rows)} of {len(rows)} used{f' ({bad})' if bad else ''}"


def _resting(made: Making) -> int:
    return sum((row.bid_size_nanos > 0) + (row.ask_size_nanos > 0) for row in made.quotes)
