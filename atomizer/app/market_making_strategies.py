"""Strategies by name: the shipped one, and those that other packages bring by the entry point `atomizer.strategies`.

An entry point names a function that is given the parameters of the run and answers a strategy. The shipped one is found
in the same way, and its name cannot be taken by another.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

from atomizer.errors import ConfigError
from atomizer.strategies.market_maker import MakerParams, Strategy

GROUP: Final = "atomizer.strategies"
SHIPPED: Final = EntryPoint("market-maker", "atomizer.strategies.market_maker:MarketMaker", GROUP)


def strategy_named(name: str, params: MakerParams) -> Strategy:
    """The strategy of this name, made for this run.

    Raises:
        ConfigError: nobody brings it, it is brought twice, or it cannot be imported or made: names it and the remedy.
    """
    brought = [each for each in entry_points(group=GROUP) if each.name != SHIPPED.name]
    found = [each for each in (SHIPPED, *brought) if each.name == name]
    if not found:
        known = ", ".join(sorted({SHIPPED.name, *(each.name for each in brought)}))
        raise ConfigError(f"market_maker.strategy {name!r}: no installed package brings it: use one of {known}")
    if len({each.value for each in found}) > 1:
        values = ", ".join(each.value for each in found)
        raise ConfigError(f"market_maker.strategy {name!r} is brought more than once ({values}): uninstall all but one")
    try:
        strategy: Strategy = found[0].load()(params)
    except Exception as error:  # a stranger's code may raise anything
        raise ConfigError(f"market_maker.strategy {name!r} ({found[0].value}) cannot be used: {error}") from error
    return strategy
