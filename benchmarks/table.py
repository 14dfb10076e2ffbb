"""The table that a run prints: figures by contender, and ratios beside the budgets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["BUDGETS", "Budget", "Figures", "render"]

Figures: TypeAlias = dict[str, dict[str, list[float]]]
Medians: TypeAlias = dict[str, dict[str, float]]

OURS = "clientobs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A bound on our figure: `most` times that of a peer, or `most` itself where `peer` is None; or `least`."""

    figure: str
    most: float = math.inf
    peer: str | None = None
    least: float = 0.0


BUDGETS = (
    Budget(figure="span mean, us", most=1.25, peer="bare SDK"),
    Budget(figure="CPU per span, us", most=0.7, peer="SDK, batch, OTLP/HTTP"),
    Budget(figure="span p99.9, us", most=0.05, peer="SDK, batch, OTLP/HTTP"),
    Budget(figure="import alone, ms", most=10.0),
    Budget(figure="import and set-up, ms", most=0.6, peer="SDK, batch, OTLP/HTTP"),
    Budget(figure="import and set-up, CPU ms", most=0.6, peer="SDK, batch, OTLP/HTTP"),
    Budget(figure="exit, backend answers, ms", most=50.0),
    Budget(figure="exit, backend refuses, ms", most=50.0),
    Budget(figure="exit, backend hangs, ms", most=50.0),
    Budget(figure="memory added, MB", most=15.0),
    Budget(figure="spans lost by kill -9", most=0.0),
    Budget(figure="drain, spans/s on one core", least=10_000.0),
    Budget(figure="drain, memory at its peak, MB", most=60.0),
)


def render(medians: Medians) -> str:
    """Return both tables as Markdown."""
    names = list(next(iter(medians.values())))
    lines = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for figure, values in medians.items():
        cells = (number(values[name]) if name in values else "" for name in names)
        lines.append(f"| {figure} | " + " | ".join(cells) + " |")
    lines += ["", "| budget | measured | |", "| --- | ---: | --- |"]
    lines += [verdict(budget, medians) for budget in BUDGETS if budget.figure in medians]
    return "\n".join(lines)


def verdict(budget: Budget, medians: Medians) -> str:
    """Return the row of one budget."""
    ours = medians[budget.figure][OURS]
    if budget.least:
        what, measured = f"{budget.figure} >= {number(budget.least)}", ours
    elif budget.peer is None:
        what, measured = f"{budget.figure} <= {number(budget.most)}", ours
    else:
        what = f"{budget.figure} <= {budget.most}x {budget.peer}"
        measured = ours / (medians[budget.figure][budget.peer] or 1e-9)
    shown = f"{measured:.2f}x" if budget.peer else number(measured)
    return f"| {what} | {shown} | {'met' if budget.least <= measured <= budget.most else '**missed**'} |"


def number(value: float) -> str:
    """Return a figure with three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
