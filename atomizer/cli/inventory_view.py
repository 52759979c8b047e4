"""How an inventory looks: table, one-screen summary, CSV and JSON. The last two are exact, tables are rounded."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from atomizer._core.fixed import format_e18, format_nanos
from atomizer.domain.instruments import NANOS
from atomizer.portfolio.exposure import Greeks
from atomizer.portfolio.inventory import InventoryRow, InventoryTotal, Summary

UNKNOWN = "?"
NONE = "-"  # there is no such figure, as the average price of nothing
_LEAST = 1e-3  # of a Greek that is worth comparing
_CROSS_CHECK = 0.02  # share of the venue's Greek by which ours may differ before it is told
_TABLE_COLUMNS = 400  # a table is as wide as its figures; `less -S` scrolls, a wrapped figure misleads
_SCREEN_COLUMNS = 80
_SCREEN_UNDERLYINGS = 5  # two blocks of them fill a screen of 24 lines under the two that `watch` adds
_SCREEN_NAMES = 2  # of instruments without a mark

_GREEK_HEADERS = ("delta", "gamma /USD", "vega USD/pt", "theta USD/day")
_TABLE_HEADERS = (
    "instrument",
    "venue",
    "position",
    "average USD",
    "mark USD",
    *_GREEK_HEADERS,
    "realized USD",
    "unrealized USD",
    "fees USD",
    "net USD",
    "mark age s",
)
_EXACT_HEADERS = (
    "instrument",
    "venue",
    "position",
    "average_price_usd",
    "mark_usd",
    "mark_venue",
    "delta",
    "gamma_per_usd",
    "vega_usd_per_point",
    "theta_usd_per_day",
    "venue_delta",
    "venue_gamma_per_usd",
    "venue_vega_usd_per_point",
    "venue_theta_usd_per_day",
    "realized_usd",
    "unrealized_usd",
    "fees_usd",
    "funding_usd",
    "net_usd",
    "cash_usd",
    "currency",
    "average_price",
    "cash",
    "mark_age_s",
)


def render_table(rows: Sequence[InventoryRow], summary: Summary) -> str:
    """A line for each position, a total for each underlying where there are several, and the total."""
    table = _table(_TABLE_HEADERS, labels=2)
    for row, amount in zip(rows, _aligned([format_nanos(row.amount_nanos) for row in rows]), strict=True):
        table.add_row(
            row.instrument,
            row.venue,
            amount,
            _price(NONE if row.average_e18 is None else row.average_e18),
            _price(UNKNOWN if row.mark_nanos is None else row.mark_nanos * NANOS),
            *_greeks(row.greeks),
            *_profit(row),
            UNKNOWN if row.mark_age_ns is None else f"{row.mark_age_ns / NANOS:,.1f}",
        )
    table.add_section()
    totals = summary.by_underlying if len(summary.by_underlying) > 1 else ()
    for total in totals:
        table.add_row(total.label, "", "", "", "", *_greeks(total.greeks), *_profit(total), "")
    table.add_row("total", "", "", "", "", *_total_greeks(summary), *_profit(summary.total), "")
    lines = _unknown_line(summary.total.unknown, len(summary.total.unknown)) + _difference_lines(summary)
    return _render(table, _TABLE_COLUMNS) + lines


def render_summary(summary: Summary) -> str:
    """Net Greeks and P&L by underlying on one screen of 80 x 24."""
    shown = summary.by_underlying[:_SCREEN_UNDERLYINGS]
    greeks = _table(("underlying", "open", *_GREEK_HEADERS), labels=1)
    profit = _table(("underlying", "realized USD", "unrealized USD", "fees USD", "net USD"), labels=1)
    for total in shown:
        greeks.add_row(total.label, str(total.open_positions), *_greeks(total.greeks))
        profit.add_row(total.label, *_profit(total))
    greeks.add_section()
    profit.add_section()
    greeks.add_row("total", str(summary.total.open_positions), *_total_greeks(summary))
    profit.add_row("total", *_profit(summary.total))
    hidden = len(summary.by_underlying) - len(shown)
    rest = f"and {hidden} more underlyings, which the totals include\n" if hidden else ""
    return (
        _render(greeks, _SCREEN_COLUMNS)
        + "\n"
        + _render(profit, _SCREEN_COLUMNS)
        + rest
        + _unknown_line(summary.total.unknown, _SCREEN_NAMES)
    )


def render_csv(rows: Sequence[InventoryRow]) -> str:
    """A header and a line for each position, exact figures; unknown ones are empty. No total: sums would count it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _EXACT_HEADERS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_exact_row(row) for row in rows)
    return text.getvalue()


def render_json(rows: Sequence[InventoryRow], summary: Summary) -> str:
    """Positions and totals; money and amounts as exact decimal text, Greeks as numbers, unknown as null."""
    document = {
        "positions": [_exact_row(row) for row in rows],
        "by_underlying": [_exact_total(total) for total in summary.by_underlying],
        "total": _exact_total(summary.total),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _exact_row(row: InventoryRow) -> dict[str, str | float | None]:
    return {
        "instrument": row.instrument,
        "venue": row.venue,
        "position": format_nanos(row.amount_nanos),
        "average_price_usd": _exact(row.average_e18),
        "mark_usd": None if row.mark_nanos is None else format_nanos(row.mark_nanos),
        "mark_venue": row.mark_venue,
        **_exact_greeks(row.greeks),
        **_exact_greeks(row.venue_greeks, "venue_"),
        **_exact_profit(row),
        "cash_usd": format_e18(row.cash_e18),
        "currency": row.currency,
        "average_price": _exact(row.own_average_e18),
        "cash": format_e18(row.own_cash_e18),
        "mark_age_s": None if row.mark_age_ns is None else row.mark_age_ns / NANOS,
    }


def _exact_total(total: InventoryTotal) -> dict[str, object]:
    return {
        "label": total.label,
        "open_positions": total.open_positions,
        **_exact_greeks(total.greeks),
        **_exact_greeks(total.venue_greeks, "venue_"),
        **_exact_profit(total),
        "unknown": total.unknown,
    }


def _exact_greeks(greeks: Greeks, prefix: str = "") -> dict[str, float | None]:
    return {
        f"{prefix}delta": greeks.delta,
        f"{prefix}gamma_per_usd": greeks.gamma,
        f"{prefix}vega_usd_per_point": greeks.vega,
        f"{prefix}theta_usd_per_day": greeks.theta,
    }


def _exact_profit(figures: InventoryRow | InventoryTotal) -> dict[str, str | None]:
    return {
        "realized_usd": _exact(figures.realized_e18),
        "unrealized_usd": _exact(figures.unrealized_e18),
        "fees_usd": _exact(figures.fees_e18),
        "funding_usd": _exact(figures.funding_e18),
        "net_usd": _exact(figures.net_e18),
    }


def _exact(e18: int | None) -> str | None:
    return None if e18 is None else format_e18(e18)


def _greeks(greeks: Greeks) -> tuple[str, ...]:
    digits = ((greeks.delta, 4), (greeks.gamma, 6), (greeks.vega, 2), (greeks.theta, 2))
    return tuple(UNKNOWN if value is None else f"{value:,.{places}f}" for value, places in digits)


def _total_greeks(summary: Summary) -> tuple[str, ...]:
    texts = _greeks(summary.total.greeks)
    # Deltas of two underlyings are counted in different things, so they have no sum.
    return (NONE, NONE, *texts[2:]) if len(summary.by_underlying) > 1 else texts


def _profit(figures: InventoryRow | InventoryTotal) -> tuple[str, ...]:
    return tuple(map(_usd, (figures.realized_e18, figures.unrealized_e18, figures.fees_e18, figures.net_e18)))


def _usd(e18: int | None) -> str:
    """To the cent, rounded half to even."""
    return UNKNOWN if e18 is None else f"{Decimal(format_e18(e18)):z,.2f}"


def _price(price: int | str) -> str:
    """In 10⁻¹⁸ USD, to four decimals; a word stays as it is."""
    return price if isinstance(price, str) else f"{Decimal(format_e18(price)):z,.4f}"


def _aligned(texts: Sequence[str]) -> list[str]:
    """Plain decimals with as many places as the longest has, so that their points stand under each other."""
    places = max((len(text.partition(".")[2]) for text in texts), default=0)
    return [f"{Decimal(text):,.{places}f}" for text in texts]


def _table(headers: Sequence[str], labels: int) -> Table:
    """`labels` columns of words on the left, the rest figures on the right."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column, header in enumerate(headers):
        table.add_column(header, justify="left" if column < labels else "right", no_wrap=True)
    return table


def _render(table: Table, columns: int) -> str:
    text = io.StringIO()
    Console(file=text, width=columns, color_system=None, markup=False).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _unknown_line(names: Sequence[str], at_most: int) -> str:
    if not names:
        return ""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{UNKNOWN} unknown: {', '.join(names[:at_most])}{more}\n"


def _difference_lines(summary: Summary) -> str:
    """Underlyings whose Greeks by the venue are others than ours, both told."""
    lines = []
    for total in summary.by_underlying:
        pairs = zip(
            _GREEK_HEADERS,
            msgspec.structs.astuple(total.greeks),
            msgspec.structs.astuple(total.venue_greeks),
            strict=True,
        )
        words = [
            f"{header} {ours:,.6g} by us, {theirs:,.6g} by the venue"
            for header, ours, theirs in pairs
            if ours is not None and theirs is not None and abs(ours - theirs) > _CROSS_CHECK * max(abs(theirs), _LEAST)
        ]
        if words:
            lines.append(f"{total.label}: {'; '.join(words)}\n")
    return "".join(lines)
