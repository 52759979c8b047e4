"""What each stage must reach, which benchmark is ours and which are its peers. Figures in nanoseconds.

Targets were set on a 2-core virtual machine with CPython 3.11; what counts elsewhere is the ratio to the peers of the
same run. A figure is the median of a benchmark, or the entry of its `extra_info` that `figure` names.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One line of the table. `ours` and `peers` are names of benchmarks as pytest-benchmark gives them."""

    stage: str
    target_ns: float
    ours: str
    peers: dict[str, str] = field(default_factory=dict)
    figure: str = "median"
    per: int = 1  # operations in one call of the benchmark


ROWS: tuple[Row, ...] = ()
