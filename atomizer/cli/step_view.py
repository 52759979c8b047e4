"""How a check in steps looks."""

from collections.abc import Iterable, Sequence

from atomizer.app.steps import Step
from atomizer.cli.rows import Cell, Column, render

_STEP = (Column("step", "step"), Column("result", "result"), Column("took ms", "took_ms", is_figure=True))


def render_steps(form: str, checks: Iterable[tuple[str, Sequence[Step]]], label: str = "") -> str:
    """A line for each step; with a `label` each line begins with the name of its check."""
    columns = [*_STEP, Column("found", "detail")]
    if label:
        columns.insert(0, Column(label, label))
    rows: list[list[Cell]] = []
    for name, steps in checks:
        for step in steps:
            took = f"{step.took_ns / 1e6:.1f}" if step.took_ns else None
            cells: list[Cell] = [step.name, step.result.value, took, step.detail]
            rows.append([name, *cells] if label else cells)
    return render(form, columns, rows)
