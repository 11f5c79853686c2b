"""The tables of a run directory: layers.csv and links.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from hecasim.trace.log import PHASES, Log

LAYER_COLUMNS = (
    "layer", "phase", "block", "start_ps", "end_ps", "compute_ps", "nop_ps", "dram_ps", "flops", "nop_bytes",
)  # fmt: skip
LINK_COLUMNS = ("name", "kind", "bytes", "busy_ps", "wait_ps", "segments")


def layers_csv(log: Log) -> str:
    """The first micro-batch through each block, in order of phase and start; layer -1 is the embedding, L the head."""
    rows = sorted(log.layers.items(), key=lambda item: (PHASES.index(item[0][1]), item[1].start_ps, item[0]))
    return _text(
        LAYER_COLUMNS,
        (
            (layer, phase, block, row.start_ps, row.end_ps, row.compute_ps, row.nop_ps, row.dram_ps, row.flops,
             row.nop_bytes)
            for (layer, phase, block), row in rows
        ),
    )  # fmt: skip


def links_csv(log: Log) -> str:
    """Every link, limiting SRAM port and DRAM channel: bytes, busy and waiting time."""
    return _text(LINK_COLUMNS, log.lanes)


def _text(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return page.getvalue()
