"""What each stage must reach, which benchmark is ours and which are its peers. Figures in nanoseconds.

Targets were set on a 2-core virtual machine with CPython 3.11; what counts elsewhere is the ratio to the peers of the
same run. A figure is the median of a benchmark, or the entry of its `extra_info` that `figure` names.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One line of the table. `ours` and `peers` are names of benchmarks as pytest-benchmark gives them."""

    stage: str
    target: float  # nanoseconds, or what may be taken of the time of the peer that `of` names
    ours: str
    peers: dict[str, str] = field(default_factory=dict)
    figure: str = "median"
    per: int = 1  # operations in one call of the benchmark
    of: str = ""  # a label among the peers


LIBRARIES = "orjson+bisect+pycryptodome+coincurve"


def on_tick(stage: str, target_ns: float, *, event: str, feed: str, figure: str, ours: str = "atomizer") -> Row:
    """A row of the lane, whose peer is put together from the best libraries."""
    names = {side: f"test_lane::test_tick_to_{event}[{side}-{feed}]" for side in (ours, LIBRARIES)}
    return Row(stage, target_ns, names[ours], {"best libraries": names[LIBRARIES]}, figure)


def of_scanner(stage: str, target_ns: float, venue: str) -> Row:
    ways = ("C by hand", "orjson", "orjson and Decimal")
    peers = {way: f"test_scan::test_scan[{way}-{venue}]" for way in ways}
    return Row(stage, target_ns, f"test_scan::test_scan[atomizer-{venue}]", peers, per=100)


ROWS: tuple[Row, ...] = (
    of_scanner("scan: Derive book of 20 + 20 levels", 550, "derive"),
    of_scanner("scan: Deribit change of 4 + 4 levels", 330, "deribit"),
    Row(
        "book: change and touch, batch",
        22,
        "test_book::test_book_native",
        {"sorted arrays in C": "test_book::test_book_native_in_c"},
        per=10_000,
    ),
    Row(
        "book: change and touch, a Python call each",
        100,
        "test_book::test_book_atomizer",
        {
            "nautilus": "test_book::test_book_nautilus",
            "order-book": "test_book::test_book_order_book",
            "SortedDict": "test_book::test_book_sorteddict",
        },
        per=10_000,
    ),
    Row(
        "black76: price and 5 Greeks, native",
        50,
        "test_black76::test_greeks_native[atomizer]",
        {"plain C with libm": "test_black76::test_greeks_native[libm]"},
        per=1_000,
    ),
    Row(
        "black76: price and 5 Greeks, from Python",
        130,
        "test_black76::test_greeks[atomizer]",
        {
            "nautilus": "test_black76::test_greeks[nautilus]",
            "QuantLib": "test_black76::test_greeks[quantlib]",
            "vollib": "test_black76::test_greeks[vollib]",
        },
    ),
    Row(
        "black76: batch of 1,000",
        13,
        "test_black76::test_greeks_batch[atomizer-1000]",
        {"numpy + scipy": "test_black76::test_greeks_batch[scipy-1000]"},
        per=1_000,
    ),
    Row(
        "black76: batch of 100,000",
        13,
        "test_black76::test_greeks_batch[atomizer-100000]",
        {"numpy + scipy": "test_black76::test_greeks_batch[scipy-100000]"},
        per=100_000,
    ),
    Row(
        "implied volatility, cold, from Python",
        1.0,
        "test_black76::test_implied_volatility[atomizer]",
        {
            "nautilus": "test_black76::test_implied_volatility[nautilus]",
            "QuantLib": "test_black76::test_implied_volatility[quantlib]",
            "vollib": "test_black76::test_implied_volatility[vollib]",
        },
        of="nautilus",
    ),
    Row("implied volatility, warm, native", 165, "test_black76::test_implied_volatility_native[warm]", per=1_000),
    Row("implied volatility, batch of 5,000", 200, "test_black76::test_implied_volatility_batch", per=5_000),
    Row(
        "eip712: Derive order digest",
        1_500,
        "test_eip712::test_derive_order_digests",
        {
            "pycryptodome by hand": "test_eip712::test_derive_order_digests_by_hand",
            "derive-action-signing": "test_eip712::test_derive_order_digests_by_official_sdk",
        },
        per=100,
    ),
    Row(
        "ecdsa: signature from a prepared nonce",
        120,
        "test_ecdsa::test_sign_prepared[atomizer lane]",
        {
            "coincurve": "test_ecdsa::test_sign_prepared[coincurve]",
            "eth-account": "test_ecdsa::test_sign_prepared[eth-account]",
        },
        per=100,
    ),
    Row(
        "Derive order, fields to signature",
        1_900,
        "test_frame::test_order_signature[atomizer lane]",
        {
            "by hand": "test_frame::test_order_signature[pycryptodome and coincurve by hand]",
            "derive-action-signing": "test_frame::test_order_signature[derive-action-signing]",
        },
        per=100,
    ),
    Row(
        "frame: order message",
        150,
        "test_frame::test_order_message[atomizer lane]",
        {"orjson": "test_frame::test_order_message[orjson]", "json": "test_frame::test_order_message[json]"},
        per=100,
    ),
    on_tick(
        "tick to journalled order, Deribit change, p50", 4_500, event="order", feed="deribit change", figure="median"
    ),
    on_tick("tick to journalled order, Deribit change, p99", 8_000, event="order", feed="deribit change", figure="p99"),
    on_tick("tick to journalled order, Derive book, p50", 4_500, event="order", feed="derive book", figure="median"),
    on_tick("tick to journalled order, Derive book, p99", 8_000, event="order", feed="derive book", figure="p99"),
    *(
        on_tick(
            f"tick to journalled order, unforeseen, {feed}, p50",
            4_500,
            event="order",
            feed=feed[0].lower() + feed[1:],
            figure="median",
            ours="atomizer, unforeseen",
        )
        for feed in ("Deribit change", "Derive book")
    ),
    on_tick("tick to nothing, Deribit change", 1_200, event="nothing", feed="deribit change", figure="median"),
    on_tick("tick to nothing, Derive book", 1_200, event="nothing", feed="derive book", figure="median"),
    Row(
        "re-pricing: 400 quotes of 200 instruments, to the socket",
        3_000_000,
        "test_reprice::test_reprice[atomizer]",
        {"best libraries": f"test_reprice::test_reprice[{LIBRARIES}]"},
    ),
    Row("rules of 200 instruments, renewed after a fill", 3_000_000, "test_rules::test_rules_renewed"),
    Row(
        "RFQ to signed quote, p50",
        6_000,
        "test_rfq_core::test_rfq_to_signed_quote[atomizer]",
        {"best libraries": "test_rfq_core::test_rfq_to_signed_quote[orjson+pycryptodome+coincurve]"},
    ),
    Row(
        "loopback: tick out, signed order back, p50",
        1.35,
        "test_loopback::test_loopback[atomizer]",
        {
            "all C": "test_loopback::test_loopback[all C]",
            "echo in C": "test_loopback::test_loopback[echo in C]",
            "best libraries": "test_loopback::test_loopback[best Python libraries]",
        },
        figure="p50",
        of="all C",
    ),
    Row("load: a frame of 500 instruments, 200,000 a second", 5_000, "test_load::test_load_saturated", per=50_000),
)
