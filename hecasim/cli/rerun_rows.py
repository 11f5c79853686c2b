"""Run every row of this bundle again and compare every byte; leaves with 0 when all are the same."""

import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

CHECK_FAILED = 5
MOST_TOLD = 20
HERE = Path(__file__).resolve().parent


def same(row: dict[str, Any]) -> bool:
    """Whether running a row's inputs again gives what the row says."""
    from hecasim import load_model, load_package, load_plan
    from hecasim.sweep.work import replay_point, simulate_point

    given = row["inputs"]
    if "trace" in given:
        trace = trace_of(row)
        new = replay_point((str(trace), load_package(given["package"]), given["engine"], given["fidelity"]))
        told = new.reason.replace(str(trace), row["labels"]["trace"])  # it may begin with where the file lies
    else:
        new = simulate_point((load_package(given["package"]), load_model(given["model"]), load_plan(given["plan"])))
        told = new.reason
    document = json.dumps(json.loads(new.document or "null"))
    return (new.status, told, document) == (row["status"], row["reason"], json.dumps(row["result"]))


def trace_of(row: dict[str, Any]) -> Path:
    """The trace that a row replays: a file or directory of its old name, in the bundle."""
    return HERE / "traces" / str(row["inputs"]["trace"]) / Path(row["labels"]["trace"]).name


def main() -> int:
    """Run, compare, say so."""
    lines = (HERE / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        differ = [row["number"] for row, equal in zip(rows, pool.map(same, rows), strict=True) if not equal]
    told = ", ".join(str(number) for number in differ[:MOST_TOLD])
    sys.stdout.write(
        f"{len(differ)} of {len(rows)} rows differ: {told}\n"
        if differ
        else f"{len(rows)} rows, every byte is the same\n"
    )
    if differ:
        tell_version()
    return CHECK_FAILED if differ else 0


def tell_version() -> None:
    """Say so where another hecasim runs here than the one that made the bundle."""
    from hecasim.sweep.code import code_version

    made = (HERE / "VERSION").read_text(encoding="utf-8").strip()
    if made != code_version():
        sys.stdout.write(f"the bundle was made by hecasim {made}; this is hecasim {code_version()}\n")


if __name__ == "__main__":
    sys.exit(main())
