"""What a run may reach: practice venues, test networks, or real money.

| asked for | mode | reaches |
|---|---|---|
| ``--exchange sim``, ``--paper`` | sim | practice venues of this machine |
| test mode | test | test networks only |
| neither | live | main networks, with real money |
"""

from enum import StrEnum

from atomizer.config.settings import Settings


class Mode(StrEnum):
    SIM = "sim"
    TEST = "test"
    LIVE = "live"


def mode_of(settings: Settings) -> Mode:
    if settings.exchange.name.is_practice:
        return Mode.SIM
    return Mode.TEST if settings.exchange.test_mode else Mode.LIVE
