"""The growth curves as a drawing: the only place that imports matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from hecasim.bench.page import AXES, MIB

INK, FAST, PLAIN = "#333333", "#0b6e99", "#d1600a"
COLOURS = {"fast": FAST, "plain": PLAIN}
MARKERS = {"fast": "o", "plain": "s"}


def svg_text(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Wall time above, memory below, one column per axis; None where matplotlib is not installed.

    The same rows give the same bytes with the same matplotlib: no date, ids from a fixed salt, text kept as text.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        return None
    style: Any = {"svg.hashsalt": "hecasim", "svg.fonttype": "none", "font.size": 9, "font.family": ["DejaVu Sans"]}
    about: Any = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context(style):
        figure = Figure(figsize=(11, 5), layout="constrained")
        upper, lower = figure.subplots(2, len(AXES), sharex="col", sharey="row")
        for column, (axis, name) in enumerate(AXES.items()):
            shown = [row for row in rows if row["axis"] == axis]
            _curve(upper[column], shown, axis, "wall_s", 1)
            _curve(lower[column], shown, axis, "peak_bytes", MIB)
            lower[column].set_xlabel(name)
        _seconds(upper[0], [row["wall_s"] for row in rows])
        lower[0].set_ylim(0, 1.1 * max(row["peak_bytes"] for row in rows) / MIB)
        upper[0].set_ylabel("wall time (s)")
        lower[0].set_ylabel("peak memory (MiB)")
        lower[0].legend(title="engine", frameon=False, loc="lower left")
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=about)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join(lines).replace("'DejaVu Sans'", "'DejaVu Sans', sans-serif") + "\n"


def _curve(axes: Any, rows: Sequence[Mapping[str, Any]], axis: str, key: str, unit: float) -> None:
    for engine, colour in COLOURS.items():
        line = sorted((row[axis], row[key] / unit) for row in rows if row["engine"] == engine)
        if line:
            axes.plot(*zip(*line, strict=True), color=colour, marker=MARKERS[engine], markersize=4, label=engine)
    axes.set_xscale("log", base=2)  # evenly spaced: every point doubles the one before
    places = sorted({row[axis] for row in rows})
    axes.set_xticks(places, [str(place) for place in places])
    axes.minorticks_off()
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)


def _seconds(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic axis: growth in proportion to the input is a straight slope."""
    low, high = min(values) / 1.5, max(values) * 1.5
    axes.set_yscale("log")
    places = [digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5)]
    shown = [place for place in places if low <= place <= high]
    axes.set_yticks(shown, [f"{place:g}" for place in shown])
    axes.set_ylim(low, high)
    axes.minorticks_off()
