"""What several commands share: nothing that is slow to import."""


def exchange_of(*, paper: bool, exchange: str | None) -> str | None:
    """The exchange that the flags mean: `--paper` alone is practice Derive, with `--exchange X` practice X."""
    if not paper:
        return exchange
    return exchange if exchange is not None and exchange.startswith("sim") else f"sim:{exchange or 'derive'}"
