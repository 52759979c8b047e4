"""A strategy from outside the package: found by its entry point, asked like the shipped one, refused by name."""

import sys

import pytest

from atomizer._core.fixed import NANOS
from atomizer.app.market_making_strategies import strategy_named
from atomizer.domain.instruments import Instrument, parse_name
from atomizer.errors import ConfigError
from atomizer.strategies.market_maker import MakerParams, MarketMaker, Seen, View

PARAMS = MakerParams(
    aggression_nanos=0,
    improvement_nanos=0,
    reference_size_nanos=0,
    spread_share_nanos=NANOS // 200,
    min_spread_share_nanos=NANOS // 1000,
    size_nanos=NANOS // 10,
)
# The example of OPERATIONS.md.
EXAMPLE = """
from collections.abc import Mapping

from atomizer.strategies.market_maker import MakerParams, MarketMaker, Rule, View


class OnlyCalls:
    def __init__(self, params: MakerParams) -> None:
        self._plain = MarketMaker(params)

    def __call__(self, view: View) -> Mapping[str, Rule]:
        return {name: rule for name, rule in self._plain(view).items() if name.endswith("-C")}


def broken(params):
    raise RuntimeError("no licence")
"""
POINTS = """[atomizer.strategies]
only-calls = only_calls:OnlyCalls
broken = only_calls:broken
market-maker = only_calls:OnlyCalls
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that brings strategies."""
    (tmp_path / "only_calls.py").write_text(EXAMPLE)
    info = tmp_path / "only_calls-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: only-calls\nVersion: 1\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("only_calls", None)


@pytest.mark.usefixtures("package")
def test_a_strategy_of_another_package_is_found_by_its_name():
    """Its entry point's function is given the parameters of the run, and what it answers is the strategy."""
    names = ["ETH-20271231-3000-C", "ETH-20271231-3000-P"]
    seen = {name: Seen(Instrument("derive", parse_name(name), 1, 1, 1, NANOS, 0, 0, 0, 0), None, 0) for name in names}
    assert set(strategy_named("only-calls", PARAMS)(View(0, seen))) == {names[0]}


@pytest.mark.usefixtures("package")
def test_the_shipped_strategy_is_one_itself_and_keeps_its_name():
    """The same door, and nobody else's strategy goes by its name."""
    assert isinstance(strategy_named("market-maker", PARAMS), MarketMaker)


@pytest.mark.usefixtures("package")
def test_what_cannot_be_used_is_refused_by_name():
    """An unknown name lists what there is; one that fails to be made says why."""
    with pytest.raises(ConfigError, match="use one of broken, market-maker, only-calls"):
        strategy_named("unheard-of", PARAMS)
    with pytest.raises(ConfigError, match=r"broken.*no licence"):
        strategy_named("broken", PARAMS)
