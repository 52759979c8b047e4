"""Every answer of practice Deribit, to whatever is asked, is one that the venue's own description allows."""

import gzip
import json
from pathlib import Path

import pytest
from deribit_trader import PERP, Desk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atomizer.sim.deribit import Bucket, RateLimits, specification
from atomizer.sim.deribit.codes import MESSAGES

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared" / "protocols" / "deribit-openapi.json.gz"
needs_specification = pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="the venue's specification is not part of the repository"
)
# Where recorded frames of the venue contradict its description: field → what the recordings have.
RECORDED_OTHERWISE = {
    "underlying_index": str,  # "SYN.BTC-25MAR22"
    "tick_size_steps": list,
    "estimated_delivery_price": (int, float, str),  # "expired" after an expiry
    "quote_currency": str,  # an inverse option's is its coin, a linear one's USDC
    "counter_currency": str,
    "settlement_currency": str,
    "base_currency": str,
    "contract_size": (int, float),  # 0.001 of ETH_USDC-PERPETUAL
    "matching_id": type(None),
    "post_only": bool,
    "reduce_only": bool,
    "last": (int, float, type(None)),
    "low": (int, float, type(None), list),  # of a candle chart a list
    "high": (int, float, type(None), list),
    "continuation": (str, type(None)),
    "price_change": (int, float, type(None)),
    "currency": str,
    "coin_type": str,
    "index_prices": dict,  # by index name
    "withdrawal_priorities": list,
}
# The same of whole results: a map of lists, names, pairs, and reports where `detailed` was asked for.
ANSWERED_OTHERWISE = {
    "public/get_expirations": dict,
    "public/get_index_price_names": list,
    "public/get_supported_index_names": list,
    "public/get_historical_volatility": list,
    **dict.fromkeys((name for name in specification.methods() if "/cancel_" in name), (int, list, dict)),
}
UNLIMITED = RateLimits(*[Bucket(1, 10**9, 10**9)] * 4)
# Not asked at random: they end the socket, or its login.
LEFT_OUT = {"private/logout", "public/auth", "public/fork_token"}


class Description:
    """The venue's OpenAPI document, as far as results go."""

    def __init__(self):
        self.document = json.loads(gzip.decompress(SPECIFICATION.read_bytes()))

    def result_of(self, method):
        responses = self.resolved(self.document["paths"]["/" + method]["get"]["responses"]["200"])
        schema = self.resolved(responses["content"]["application/json"]["schema"])
        return schema["properties"].get("result", {})

    def check_result(self, method, result):
        if method in ANSWERED_OTHERWISE:
            assert isinstance(result, ANSWERED_OTHERWISE[method]), f"{method}: {result!r}"
        else:
            self.check(result, self.result_of(method), method)

    def resolved(self, node):
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.document["components"][kind][name]
        return node

    def check(self, value, schema, path):
        """Raises AssertionError with the path of what does not fit."""
        schema = self.resolved(schema)
        name = path.rpartition(".")[2]
        if name in RECORDED_OTHERWISE:
            assert isinstance(value, RECORDED_OTHERWISE[name]), f"{path}: {value!r}"
            return
        if value is None and schema.get("nullable"):
            return
        for part in schema.get("allOf", ()):
            self.check(value, part, path)
        if "oneOf" in schema:
            self.check_one_of(value, schema["oneOf"], path)
            return
        assert "enum" not in schema or value in schema["enum"], f"{path}: {value!r} is none of {schema['enum']}"
        self.check_type(value, schema, path)

    def check_one_of(self, value, options, path):
        for option in options:
            try:
                self.check(value, option, path)
            except AssertionError:
                continue
            return
        raise AssertionError(f"{path}: {value!r} is none of the alternatives")

    def check_type(self, value, schema, path):
        kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
        kind = schema.get("type")
        if kind is not None:
            assert isinstance(value, kinds[kind]), f"{path}: {value!r} is no {kind}"
            assert kind == "boolean" or not isinstance(value, bool), f"{path}: {value!r} is no {kind}"
        if isinstance(value, list):
            for number, item in enumerate(value):
                self.check(item, schema.get("items", {}), f"{path}[{number}]")
        if isinstance(value, dict):
            for name in schema.get("required", ()):
                assert name in value, f"{path}: no {name}"
            for name, inner in schema.get("properties", {}).items():
                if name in value:
                    self.check(value[name], inner, f"{path}.{name}")


@pytest.fixture(scope="module")
def description():
    return Description()


@pytest.fixture(scope="module")
def lively():
    """(traders, names, ids): a market that has moved, with positions, orders, quotes and trades in it."""
    desk = Desk(limits=UNLIMITED)
    desk.play(3)
    trader, other = desk.trader(), desk.other()
    names = [
        PERP,
        "BTC-PERPETUAL",
        "ETH_USDC-PERPETUAL",
        desk.option(),
        desk.option("put"),
        desk.option(currency="USDC"),
    ]
    ids = []
    for name in names:
        ticker = trader.ok("public/ticker", instrument_name=name)
        amount = 1000 if name.endswith("H-PERPETUAL") or name.startswith("BTC") else 1
        bought = trader.order("buy", amount, ticker["best_ask_price"], name, label="a")
        rests = trader.order("buy", amount, ticker["min_price"], name, label="b")
        ids += [bought["order"]["order_id"], rests["order"]["order_id"]]
    trader.ok("private/enable_cancel_on_disconnect")
    config = {"interval": 10, "frozen_time": 5, "quantity_limit": 300, "max_quote_quantity": 10}
    trader.ok("private/set_mmp_config", index_name="eth_usd", mmp_group="a", **config)
    legs = [{"instrument_name": names[3], "amount": 250, "direction": "buy"}]
    other.ok("private/create_block_rfq", legs=legs)
    return desk, [trader, other], names, ids


def implemented(desk):
    return sorted(set(specification.methods()) & set(desk.venue._methods) - LEFT_OUT)


def values_of(name, facts, names, ids):
    """What is likely to mean something, and sometimes not."""
    by_name = {
        "instrument_name": st.sampled_from([*names, "NOPE"]),
        "order_id": st.sampled_from([*ids, "ETH-1"]),
        "label": st.sampled_from(["a", "b", ""]),
        "mmp_group": st.sampled_from(["a", "b"]),
        "amount": st.sampled_from([1, 2, 250, 1000, 0, 0.5, -1]),
        "price": st.sampled_from([0.001, 0.05, 25, 2900, 2950.05, 87_000, 0]),
        "block_rfq_id": st.integers(500, 503),
        "block_rfq_quote_id": st.integers(9000, 9003),
        "channels": st.lists(
            st.sampled_from([f"book.{PERP}.100ms", f"ticker.{PERP}.raw", "user.orders.any.any.raw", "x"])
        ),
        "start_timestamp": st.just(0),
        "end_timestamp": st.just(2**42),
        "valid_until": st.just(2**42),
        "interval": st.sampled_from([0, 5, 10, 60]),
        "expected_result": st.just("exception"),
    }
    if name in by_name:
        return by_name[name]
    if "enum" in facts:
        return st.sampled_from(facts["enum"])
    kind = facts["type"]
    if kind == "either":
        return st.one_of([values_of("", option, names, ids) for option in facts["options"]])
    if kind == "array":
        return st.lists(values_of("", facts.get("items", {"type": "string"}), names, ids), max_size=2)
    if kind == "object":
        fields = {key: values_of(key, inner, names, ids) for key, inner in facts.get("fields", {}).items()}
        return st.fixed_dictionaries({}, optional=fields)
    low, high = facts.get("minimum", 0), facts.get("maximum", 1000)
    simple = {"boolean": st.booleans(), "integer": st.integers(low, high), "number": st.sampled_from([0, 0.5, 1, 3])}
    return simple.get(kind, st.sampled_from(["a", "1", ""]))


@st.composite
def requests(draw, lively):
    """(which trader, method, parameters): the needed ones nearly always, the others now and then."""
    desk, traders, names, ids = lively
    method = draw(st.sampled_from(implemented(desk)))
    params = {}
    for name, facts in specification.methods()[method].items():
        if draw(st.integers(0, 9)) < (9 if facts.get("needed") else 2):
            params[name] = draw(values_of(name, facts, names, ids))
    if "extended" in specification.methods()[method]:
        params["extended"] = True  # what else is described as always there is there only then
    return draw(st.integers(0, len(traders) - 1)), method, params


@needs_specification
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_every_answer_is_described(lively, description, data):
    """A result satisfies the method's schema; a refusal is one of the venue's codes with its message."""
    desk, traders, *_ = lively
    for _ in range(5):
        number, method, params = data.draw(requests(lively))
        desk.play(0.1)
        answer = traders[number].send(method, params)
        if "error" in answer:
            code, message = answer["error"]["code"], answer["error"]["message"]
            assert message.startswith(MESSAGES[code])
        else:
            description.check_result(method, answer["result"])


@needs_specification
def test_the_answers_of_trading_are_described(description):
    """Orders, edits, quotes, blocks and what they leave behind have the described shapes."""
    desk = Desk()
    desk.play(2)
    maker, taker = desk.other(), desk.trader()
    name = desk.option()

    def ask(trader, method, **params):
        result = trader.ok(method, **params)
        description.check_result(method, result)
        return result

    for item, amount in ((PERP, 1000), (name, 2), (desk.option(currency="USDC"), 1)):
        touch = ask(taker, "public/ticker", instrument_name=item)
        for side, price in (("buy", touch["best_ask_price"]), ("sell", touch["best_bid_price"])):
            terms = {"instrument_name": item, "amount": amount, "price": price, "label": "a"}
            ask(taker, f"private/{side}", **terms, time_in_force="immediate_or_cancel")
    order = ask(taker, "private/buy", instrument_name=name, amount=2, price=0.0005, label="b")["order"]
    ask(taker, "private/edit", order_id=order["order_id"], amount=3, price=0.001)
    ask(taker, "private/edit_by_label", instrument_name=name, label="b", amount=2, price=0.001)
    ask(taker, "private/cancel", order_id=order["order_id"])
    ask(taker, "private/buy", instrument_name=PERP, amount=1000, type="market")
    ask(taker, "private/close_position", instrument_name=PERP, type="market")
    for method in ("get_user_trades_by_currency", "get_order_history_by_currency"):
        assert ask(taker, f"private/{method}", currency="ETH")
    ask(taker, "private/enable_cancel_on_disconnect")
    mmp = {"index_name": "eth_usd", "interval": 9, "frozen_time": 0, "max_quote_quantity": 9, "mmp_group": "g"}
    ask(taker, "private/set_mmp_config", **mmp)
    ask(taker, "private/reset_mmp", index_name="eth_usd", mmp_group="g")
    sides = {"bid": {"price": 0.001, "amount": 1}, "ask": {"price": 0.00001, "amount": 1}}
    quotes = [{"instrument_name": name, "quote_set_id": "s", **sides}]
    assert ask(taker, "private/mass_quote", quote_id="1", mmp_group="g", quotes=quotes, detailed=True)["errors"]
    legs = [{"instrument_name": name, "amount": 250, "direction": "buy"}]
    rfq = ask(taker, "private/create_block_rfq", legs=legs)
    terms = {"block_rfq_id": rfq["block_rfq_id"], "amount": 250, "direction": "sell"}
    priced = [rfq["legs"][0] | {"price": 0.05}]
    quote = ask(maker, "private/add_block_rfq_quote", **terms, legs=priced)
    number = {"block_rfq_quote_id": quote["block_rfq_quote_id"]}
    ask(maker, "private/edit_block_rfq_quote", **number, amount=250, legs=priced)
    desk.now_ns += 5 * 10**9
    take = {"price": 0.05, "time_in_force": "fill_or_kill", "legs": rfq["legs"]}
    ask(taker, "private/accept_block_rfq", **(terms | take | {"direction": "buy"}))
    ask(taker, "private/get_block_rfqs")
    ask(maker, "public/get_block_rfq_trades", currency="ETH")


@needs_specification
def test_the_shipped_figures_are_the_descriptions(description):
    """Every method and parameter of the description is known, with its type."""
    methods = specification.methods()
    paths = description.document["paths"]
    assert {path[1:] for path in paths} == set(methods)
    for path, operations in paths.items():
        for parameter in operations["get"].get("parameters", ()):
            whole = description.resolved(parameter)
            schema = description.resolved(whole["schema"])
            assert methods[path[1:]][whole["name"]]["type"] == schema.get("type", "either")


@given(text=st.one_of(st.text(max_size=200), st.binary(max_size=200)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_frame_is_answered(lively, text):
    """Whatever arrives is answered once, and the venue goes on."""
    desk, (trader, _), *_ = lively
    trader.read()
    desk.venue.receive(trader.connection, text, desk.now_ns)
    (answer,) = [frame for frame in trader.read() if "method" not in frame]
    assert answer["error"]["code"] in MESSAGES
