"""How far a venue's clock is from ours, from request and answer stamps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from atomizer.errors import BadFrame, ConfigError, VenueError

log = logging.getLogger(__name__)

CLOCK_SAMPLES: Final = 3
ATTEMPTS_A_SAMPLE: Final = 3
CHECK_EVERY_S: Final = 10.0  # while trading
NANOS_PER_S: Final = 1_000_000_000


class ClockSample(NamedTuple):
    """One question for the time: our clock before and after, the venue's in between, unix nanoseconds."""

    sent_ns: int
    venue_ns: int
    received_ns: int


class ClockOffset(NamedTuple):
    """The venue's clock is `offset_ns` ahead of ours, give or take `error_ns`."""

    offset_ns: int
    error_ns: int

    def exceeds(self, limit_ns: int) -> bool:
        """True when even the kindest reading of the measurement is beyond the limit."""
        return abs(self.offset_ns) - self.error_ns > limit_ns


def measure_offset(samples: Sequence[ClockSample], resolution_ns: int) -> ClockOffset:
    """Offset from the sample with the shortest round trip, which leaves the least room for error (NTP's choice).

    `resolution_ns` is the venue's unit of time; a stamp stands for any moment inside it.

    Raises:
        ValueError: no samples, or an answer before its question.
    """
    best = min(samples, key=lambda sample: sample.received_ns - sample.sent_ns)
    round_trip_ns = best.received_ns - best.sent_ns
    if round_trip_ns < 0:
        raise ValueError("our clock stepped back between a question and its answer: measure again")
    middle_ns = best.sent_ns + round_trip_ns // 2
    offset_ns = best.venue_ns + resolution_ns // 2 - middle_ns
    return ClockOffset(offset_ns, (round_trip_ns + resolution_ns + 1) // 2)


async def check_offset(
    venue: str, ask_ns: Callable[[], Awaitable[int]], now_ns: Callable[[], int], resolution_ns: int, limit_ns: int
) -> ClockOffset:
    """A venue's clock, which `ask_ns` asks, against ours.

    A question during which our clock was set back measures nothing, and is asked again.

    Raises:
        ConfigError: they are further apart than the limit, beyond doubt, or ours is set back again and again.
    """
    samples: list[ClockSample] = []
    for _ in range(CLOCK_SAMPLES * ATTEMPTS_A_SAMPLE):
        sent_ns = now_ns()
        venue_ns = await ask_ns()
        received_ns = now_ns()
        if received_ns >= sent_ns:
            samples.append(ClockSample(sent_ns, venue_ns, received_ns))
        if len(samples) == CLOCK_SAMPLES:
            break
    if not samples:
        raise ConfigError("this machine's clock is set back again and again: let a time service such as chrony slew it")
    offset = measure_offset(samples, resolution_ns)
    if offset.exceeds(limit_ns):
        way = "behind" if offset.offset_ns > 0 else "ahead of"
        raise ConfigError(
            f"this machine's clock is {abs(offset.offset_ns) / NANOS_PER_S:.3f} s {way} {venue}'s, more than the"
            f" {limit_ns / NANOS_PER_S:g} s allowed: run a time service such as chrony"
        )
    return offset


async def keep_checking(venue: str, check: Callable[[], Awaitable[None]], is_open: Callable[[], bool]) -> None:
    """Check again and again while the connection is open: clocks run apart.

    Raises:
        ConfigError: they have. What we sign and what we believe to be fresh is wrong then, whatever is connected.
    """
    while True:
        await asyncio.sleep(CHECK_EVERY_S)
        if is_open():
            try:
                await check()
            except (VenueError, BadFrame) as error:
                log.warning("%s: the clocks could not be compared: %s", venue, error)
            except ConfigError as error:
                log.error("%s", error)  # noqa: TRY400  one line, no trace
                raise
