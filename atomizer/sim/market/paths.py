"""How spot, the level of volatility, its skew and the perpetual's basis move: one draw of noise a step.

Log volatility and skew are mean-reverting; spot falls as volatility rises; the two underlyings move together; a jump
now and then. Diffusion and jumps together realise the target volatility.
"""

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from atomizer.sim.market.figures import Figures

STEP_NS = 100_000_000
_STEP_YEARS = STEP_NS / 1e9 / (365 * 86_400)
_STEPS_A_DAY = 86_400_000_000_000 // STEP_NS
_BLOCK = 2048  # steps of noise drawn at once
_SPOT_LEVEL = -0.55  # correlation of a return with the change of volatility
_JUMPS_A_DAY = 2.0
_JUMP_SD = 0.004
JUMP_VARIANCE = _JUMPS_A_DAY * 365 * _JUMP_SD**2  # a year
_BASIS_SD = 0.00012  # of the perpetual against the index
_BASIS_HALF_LIFE_S = 120.0
_SHARED_COLUMNS, _OWN_COLUMNS = 2, 4  # of normal noise


@dataclass(slots=True)
class PathState:
    """One underlying, now."""

    spot: float
    level: float = 0.0  # log of front volatility over its fitted value
    skew: float = 0.0
    basis: float = 0.0


class Paths:
    """All underlyings together. `step` moves them by one STEP_NS."""

    def __init__(self, figures: dict[str, Figures], seed: np.random.SeedSequence) -> None:
        self.states = {name: PathState(figure.spot) for name, figure in figures.items()}
        self._rules = {name: _rules(figure) for name, figure in figures.items()}
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._noise: list[list[float]] = []
        self._uniform: list[float] = []
        self._used = _BLOCK

    def step(self) -> None:
        if self._used == _BLOCK:
            self._noise = self._rng.standard_normal(
                (_BLOCK, _SHARED_COLUMNS + _OWN_COLUMNS * len(self.states))
            ).tolist()
            self._uniform = self._rng.random(_BLOCK).tolist()
            self._used = 0
        noise, uniform = self._noise[self._used], self._uniform[self._used]
        self._used += 1
        jump = _JUMP_SD * noise[1] if uniform * _STEPS_A_DAY < _JUMPS_A_DAY else 0.0
        level_own = sqrt(1 - _SPOT_LEVEL**2)
        for index, (name, state) in enumerate(self.states.items()):
            first = _SHARED_COLUMNS + _OWN_COLUMNS * index
            draw = noise[first : first + _OWN_COLUMNS]
            rule = self._rules[name]
            return_noise = rule.common * noise[0] + rule.own * draw[0]
            volatility = rule.diffusion * exp(state.level)
            state.spot *= exp(volatility * sqrt(_STEP_YEARS) * return_noise - 0.5 * volatility**2 * _STEP_YEARS + jump)
            level_noise = _SPOT_LEVEL * return_noise + level_own * draw[1]
            state.level += -rule.level_pull * state.level + rule.level_kick * level_noise
            state.skew += -rule.skew_pull * state.skew + rule.skew_kick * draw[2]
            state.basis += -_BASIS_PULL * state.basis + _BASIS_KICK * draw[3]


@dataclass(frozen=True, slots=True)
class _Rules:
    diffusion: float
    common: float  # loading on the noise that both underlyings share
    own: float
    level_pull: float
    level_kick: float
    skew_pull: float
    skew_kick: float


def _pull_and_kick(half_life_s: float, sd: float) -> tuple[float, float]:
    """Coefficients of a discrete Ornstein-Uhlenbeck process with this half-life and stationary deviation."""
    pull = 1 - exp(-log(2) * STEP_NS / 1e9 / half_life_s)
    return pull, sd * sqrt(1 - (1 - pull) ** 2)


_BASIS_PULL, _BASIS_KICK = _pull_and_kick(_BASIS_HALF_LIFE_S, _BASIS_SD)


def _rules(figures: Figures) -> _Rules:
    dynamics = figures.dynamics
    # E[exp(2·level)] = exp(2·sd²): taken out, so that the average variance is the target's.
    variance = (dynamics["volatility"] ** 2 - JUMP_VARIANCE) * exp(-2 * dynamics["level_sd"] ** 2)
    return _Rules(
        sqrt(variance),
        dynamics["common_loading"],
        sqrt(1 - dynamics["common_loading"] ** 2),
        *_pull_and_kick(dynamics["level_half_life_days"] * 86_400, dynamics["level_sd"]),
        *_pull_and_kick(dynamics["skew_half_life_days"] * 86_400, dynamics["skew_sd"]),
    )
