"""Book frames as Deribit and Derive write them, from levels in halves of a unit."""

import json

NOW_MS = 1_750_000_000_000
DERIBIT = "book.ETH-27JUN25-2600-C.raw"
LINEAR = "book.SOL_USDC-27JUN25-72d5-P.100ms"
DERIVE = "orderbook.ETH-20250627-2600-C.1.20"


def enveloped(channel, data):
    tree = {"method": "subscription", "params": {"channel": channel, "data": data}}
    if channel.startswith("book."):
        tree = {"jsonrpc": "2.0"} | tree
    return json.dumps(tree, separators=(",", ":")).encode()


def number(value):
    """A figure as the venue's JSON shows it."""
    return value / 2 if value % 2 else float(value // 2)


def deribit(channel, change_id, bids, asks, previous=None):
    """Levels as (price, size) in halves of a unit; a snapshot unless `previous` is given."""
    data = {"type": "snapshot" if previous is None else "change", "timestamp": NOW_MS}
    if previous is not None:
        data["prev_change_id"] = previous
    data |= {"instrument_name": channel.split(".")[1], "change_id": change_id}
    for name, levels in (("bids", bids), ("asks", asks)):
        words = ["new" if previous is None else "change" if size else "delete" for _, size in levels]
        data[name] = [[word, number(price), number(size)] for word, (price, size) in zip(words, levels, strict=True)]
    return enveloped(channel, data)


def derive(channel, publish_id, bids, asks):
    """The whole book; levels as (price, size) in halves of a unit."""
    sides = ([[str(number(price)), str(number(size))] for price, size in levels] for levels in (bids, asks))
    names = {"timestamp": NOW_MS, "instrument_name": channel.split(".")[1], "publish_id": publish_id}
    return enveloped(channel, names | dict(zip(("bids", "asks"), sides, strict=True)))


SNAPSHOTS = {
    DERIBIT: deribit(DERIBIT, 7, [(200, 8)], [(208, 8)]),
    DERIVE: derive(DERIVE, 7, [(200, 8)], [(208, 8)]),
}
