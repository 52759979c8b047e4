"""Prints what would be sent. Signs and builds everything, so that a dry run proves what a real one would do."""

import sys

from atomizer.domain.instruments import NANOS
from atomizer.domain.trading import QuoteLeg, QuoteSent, Signed
from atomizer.venues.rysk import codec
from atomizer.venues.rysk.auth import MakerKey
from atomizer.venues.rysk.codec import RyskRequest


class PrintingSender:
    """Stands where the maker's socket would."""

    def __init__(self, maker: MakerKey) -> None:
        self._maker = maker

    def signed(self, _leg: QuoteLeg, valid_for_s: int) -> Signed:
        return Signed(life_ns=valid_for_s * NANOS)

    def barred(self) -> str:
        return ""

    def send_quote(self, request: RyskRequest, quote: QuoteSent) -> None:
        self._print(codec.build_quote(request, quote, self._maker.maker, self._maker.sign(request, quote)))

    def send_frame(self, frame: memoryview) -> None:
        self._print(bytes(frame))

    def _print(self, frame: bytes) -> None:
        sys.stdout.write(f"would send: {frame.decode()}\n")
        sys.stdout.flush()
