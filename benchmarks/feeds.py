"""Book frames of both venues whose best bid moves back and forth, with everything that a real one carries."""

import orjson
from derive_order import INSTRUMENT

LEVELS = 20
LOW, HIGH = 100, 102  # the best bid of every other frame that moves it: four ticks of half a unit apart


class Deribit:
    """Changes of a book of twenty levels a side: three levels a frame, two of them away from the touch."""

    channel = "book.ETH-25JUN27-6000-C.raw"

    def __init__(self):
        self.change_id = 8_973_367_653

    def frame(self, kind, bids, asks):
        data = {"type": kind, "timestamp": 1_761_000_000_000}
        if kind == "change":
            data["prev_change_id"] = self.change_id
        self.change_id += 1
        data |= {"instrument_name": self.channel.split(".")[1], "change_id": self.change_id, "bids": bids, "asks": asks}
        params = {"channel": self.channel, "data": data}
        return orjson.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params})

    def first(self):
        bids = [["new", LOW - step + 0.5, 4.0 + step] for step in range(LEVELS)]
        asks = [["new", HIGH + step + 5.5, 4.0 + step] for step in range(LEVELS)]
        return self.frame("snapshot", bids, asks)

    def moving(self, number):
        best = ["new", HIGH + 0.5, 7.0] if number % 2 else ["delete", HIGH + 0.5, 0.0]
        deep = ["change", LOW - 5.5, 3.0 + number % 50]
        return self.frame("change", [best, deep], [["change", HIGH + 9.5, 2.5 + number % 40]])

    def quiet(self, number):
        deep = [["change", LOW - step - 0.5, 3.0 + number % 50] for step in (3, 5)]
        return self.frame("change", deep, [["change", HIGH + step + 0.5, 2.5 + number % 40] for step in (7, 9)])


class Derive:
    """Whole books of twenty levels a side, as text."""

    channel = f"orderbook.{INSTRUMENT}.1.20"

    def __init__(self):
        self.publish_id = 225_453

    def frame(self, best, number):
        self.publish_id += 1
        data = {
            "timestamp": 1_761_000_000_000,
            "instrument_name": INSTRUMENT,
            "publish_id": self.publish_id,
            "bids": [[f"{best - step}.5", f"{4 + (number + step) % 30}.25"] for step in range(LEVELS)],
            "asks": [[f"{HIGH + step + 5}.5", f"{4 + (number + step) % 30}.75"] for step in range(LEVELS)],
        }
        return orjson.dumps({"method": "subscription", "params": {"channel": self.channel, "data": data}})

    def first(self):
        return self.frame(LOW, 0)

    def moving(self, number):
        return self.frame(HIGH if number % 2 else LOW, number)

    def quiet(self, number):
        return self.frame(LOW, number)
