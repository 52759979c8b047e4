"""Layers of configuration and where each value came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.config.load import load, rows
from atomizer.config.settings import VARIABLES, Settings
from atomizer.config.units import Amount, Seconds
from atomizer.errors import ConfigError


def test_flag_beats_variable_beats_file_beats_default(tmp_path):
    """Precedence is flag, environment, config.yaml, default, and the origin of each value is remembered."""
    file = tmp_path / "config.yaml"
    file.write_text("risk:\n  max_delta: 1\n  max_position: 2\n  max_order_size: 3\n")
    environment = {"MAX_POSITION_DELTA": "4", "MAX_POSITION_SIZE": "5"}
    loaded = load({"risk.max_delta": "6", "risk.price_band_bps": None}, environment, file)
    assert (loaded.settings.risk.max_delta, loaded.origin["risk.max_delta"]) == (6, "flag --max-delta")
    assert (loaded.settings.risk.max_position, loaded.origin["risk.max_position"]) == (
        5,
        "environment MAX_POSITION_SIZE",
    )
    assert (loaded.settings.risk.max_order_size, loaded.origin["risk.max_order_size"]) == (3, str(file))
    assert loaded.settings.risk.price_band_bps == Settings().risk.price_band_bps
    assert "risk.price_band_bps" not in loaded.origin


def test_every_variable_of_the_guide_names_a_setting():
    """Each environment name maps to a key that exists."""
    known = {key for key, _, _ in rows(load({}, {}, None))}
    assert set(VARIABLES.values()) <= known


def test_any_setting_can_be_set_by_its_own_variable():
    """ATOMIZER__SECTION__KEY sets any key."""
    loaded = load({}, {"ATOMIZER__HEDGING__GIVE_UP_AFTER": "500ms"}, None)
    assert loaded.settings.hedging.give_up_after == 0.5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("risk:\n  max_dleta: 1\n", ["risk.max_dleta", "did you mean risk.max_delta"]),
        ("rsik:\n  max_delta: 1\n", ["rsik", "did you mean risk"]),
        ("risk: 3\n", ["risk", "section"]),
        ("risk:\n  max_delta: lots\n", ["risk.max_delta", "not a number"]),
        ("risk:\n  max_delta: .nan\n", ["risk.max_delta", "finite"]),
        ("risk:\n  max_delta: 0\n", ["risk.max_delta", "above 0"]),
        ("rfq:\n  dummy_price: -1\n", ["rfq.dummy_price", "above 0"]),
        ("risk:\n  max_delta: 1e400\n", ["risk.max_delta"]),
        ("rfq:\n  quote_duration: soon\n", ["rfq.quote_duration", "not a duration"]),
        ("rfq:\n  target_edge_bps: -1\n", ["rfq.target_edge_bps", ">= 0"]),
        ("exchange:\n  name: kraken\n", ["exchange.name", "kraken"]),
        ("[1, 2]\n", ["sections"]),
        ("risk: [\n", ["cannot be read"]),
    ],
)
def test_a_wrong_file_is_refused_with_key_place_and_remedy(tmp_path, text, words):
    """What cannot be meant is a ConfigError that names key, file and remedy."""
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load({}, {}, file)
    for word in words:
        assert word in str(caught.value)


def test_the_wrong_variable_is_named():
    """A bad value from the environment names its variable."""
    with pytest.raises(ConfigError, match="environment MAX_POSITION_DELTA"):
        load({}, {"MAX_POSITION_DELTA": "x"}, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("500ms", 0.5), ("5m", 300), ("24h", 86400), (2.5, 2.5), ("1d", 86400)],
)
def test_durations_read_as_people_write_them(text, seconds):
    """30, 30s, 500ms, 5m and 24h are durations."""
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1 week", "1e3", None, True, "nan", []])
def test_other_words_are_not_durations(text):
    """Anything else is refused."""
    with pytest.raises(ValueError, match="not a duration"):
        Seconds.parse(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_amounts_keep_every_nano(nanos):
    """An amount that nanos carry survives text exactly."""
    whole, part = divmod(abs(nanos), 10**9)
    assert Amount.parse(f"{'-' if nanos < 0 else ''}{whole}.{part:09d}").nanos == nanos


@pytest.mark.parametrize(
    "text", ["0.0000000001", "9223372036854775808", "NaN", "Infinity", "1e400", "", "one", True, None]
)
def test_amounts_that_nanos_cannot_carry_are_refused(text):
    """Too fine, too large or not finite is an error, never rounded."""
    with pytest.raises(ValueError, match=r"not a|too large"):
        Amount.parse(text)
