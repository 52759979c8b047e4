"""Every exception that atomizer raises, as one tree.

Refusals that belong to the day's business (a gate that says no, an RFQ we do not price) are values with a reason
(`atomizer.domain.reasons`), not exceptions. What stands here means that a promise was broken.

```
AtomizerError                exit 1
├── UsageError               exit 2   a flag or argument that cannot be meant
├── ConfigError              exit 4   key, file and line, remedy
├── VenueError               exit 6   venue, code, what was asked, whether asking again can help
│   ├── Refused                       the venue said no
│   ├── Disconnected                  the connection is gone; nothing is known of what was in flight
│   └── OutcomeUnknown                sent, no answer: ask or burn the nonce, never resend
├── OrdersMayLive            exit 9   we end, and could not prove at the venue that nothing of ours rests
├── Killed                   exit 7   the kill latch is set
├── BadFrame                          bytes from outside that we will not act on
└── JournalError                      no order may leave
```
"""


class AtomizerError(Exception):
    """Root of the tree."""

    exit_code = 1


class UsageError(AtomizerError):
    """A flag or argument that cannot be meant."""

    exit_code = 2


class ConfigError(AtomizerError):
    """Configuration that we will not run with: says the key, where its value came from, and the remedy."""

    exit_code = 4


class VenueError(AtomizerError):
    """A venue did not do what it was asked."""

    exit_code = 6

    def __init__(
        self, venue: str, message: str, *, code: int | None = None, request: str = "", retryable: bool = False
    ) -> None:
        super().__init__(
            f"{venue}: {request + ': ' if request else ''}{message}{f' (code {code})' if code is not None else ''}"
        )
        self.venue = venue
        self.code = code
        self.request = request
        self.retryable = retryable

    @property
    def is_final(self) -> bool:
        """Whether no repetition repairs it: a no that the venue itself does not call passing."""
        return False


class Refused(VenueError):
    """The venue said no."""

    @property
    def is_final(self) -> bool:
        return not self.retryable


class Disconnected(VenueError):
    """The connection is gone; nothing is known of what was in flight."""


class OutcomeUnknown(VenueError):
    """Sent, no answer: ask or burn the nonce, never resend."""


class OrdersMayLive(AtomizerError):
    """We end, and could not prove at the venue that nothing of ours rests there."""

    exit_code = 9


class Killed(AtomizerError):
    """The kill latch is set: nothing trades until a person has looked and cleared it."""

    exit_code = 7


class BadFrame(AtomizerError):
    """Bytes from outside that we will not act on. `reason` is the counted word, the message names field and value."""

    def __init__(self, message: str, *, reason: str = "bad_frame") -> None:
        super().__init__(message)
        self.reason = reason


class JournalError(AtomizerError):
    """The journal cannot be read or written as promised; no order may leave."""
