"""What is meant where it was not said."""

import pytest

from atomizer.config.load import load
from atomizer.config.mode import rfq_source_of


@pytest.mark.parametrize(
    ("url", "named", "source"),
    [
        ("", None, "rysk"),
        ("wss://v12.rysk.finance", None, "rysk"),
        ("wss://api.lyra.finance/ws", None, "derive"),
        ("wss://testnet.api.derive.xyz/v3/ws", None, "derive"),
        ("wss://test.deribit.com/ws/api/v2", None, "deribit"),
        ("wss://notderibit.com", None, "rysk"),
        ("ws://localhost:8000", None, "rysk"),
        ("wss://v12.rysk.finance", "derive", "derive"),
    ],
)
def test_rfqs_come_from_whose_host_was_given(url, named, source):
    """WS_URL tells the venue, unless it was named."""
    settings = load({"rfq.source": named}, {"WS_URL": url}, None).settings
    assert rfq_source_of(settings) == source
