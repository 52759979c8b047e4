"""What a run may reach: practice venues, test networks, or real money.

| asked for | mode | reaches |
|---|---|---|
| ``--exchange sim``, ``--paper`` | sim | practice venues of this machine |
| test mode | test | test networks only |
| neither | live | main networks, with real money |
"""

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from atomizer.config.settings import Settings

_RFQ_DOMAINS: Final = {"lyra.finance": "derive", "derive.xyz": "derive", "deribit.com": "deribit"}


class Mode(StrEnum):
    SIM = "sim"
    TEST = "test"
    LIVE = "live"


def mode_of(settings: Settings) -> Mode:
    if settings.exchange.name.is_practice:
        return Mode.SIM
    return Mode.TEST if settings.exchange.test_mode else Mode.LIVE


def rfq_source_of(settings: Settings) -> str:
    """The venue that RFQs come from: the one that was named, else whose host `rfq.ws_url` names, else Rysk."""
    rfq = settings.rfq
    if rfq.source:
        return rfq.source
    host = urlsplit(rfq.ws_url).hostname or ""
    return next((venue for domain, venue in _RFQ_DOMAINS.items() if f".{host}".endswith(f".{domain}")), "rysk")
