"""Run every row of this bundle again and compare every byte; leaves with 0 when all are the same."""

import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

CHECK_FAILED = 5
MOST_TOLD = 20


def same(row: dict[str, Any]) -> bool:
    """Whether running a row's inputs again gives what the row says."""
    from hecasim import load_model, load_package, load_plan
    from hecasim.sweep.work import simulate_point

    given = row["inputs"]
    new = simulate_point((load_package(given["package"]), load_model(given["model"]), load_plan(given["plan"])))
    document = json.dumps(json.loads(new.document or "null"))
    return (new.status, new.reason, document) == (row["status"], row["reason"], json.dumps(row["result"]))


def main() -> int:
    """Run, compare, say so."""
    here = Path(__file__).resolve().parent
    lines = (here / "rows.jsonl").read_text(encoding="utf-8").splitlines()
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
        tell_version(here)
    return CHECK_FAILED if differ else 0


def tell_version(here: Path) -> None:
    """Say so where another hecasim runs here than the one that made the bundle."""
    from hecasim.sweep.code import code_version

    made = (here / "VERSION").read_text(encoding="utf-8").strip()
    if made != code_version():
        sys.stdout.write(f"the bundle was made by hecasim {made}; this is hecasim {code_version()}\n")


if __name__ == "__main__":
    sys.exit(main())
