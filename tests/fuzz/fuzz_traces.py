"""Spoil trace files for as long as wanted: `make fuzz`, or `python tests/fuzz/fuzz_traces.py --files 100000`.

Every spoilt file must end in a ConfigError with a line, or read as a Trace that is written and read the same and that
replays, or is refused, without a traceback; nothing may take longer than SLOWEST_S. A file that breaks this is kept.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from hecasim.errors import HecasimError  # noqa: E402
from hecasim.replaying import package_of, replay_trace  # noqa: E402
from hecasim.trace import build_trace  # noqa: E402
from hecasim.trace.file import lines, read, write  # noqa: E402
from tests.tiny import tiny_inputs  # noqa: E402
from tests.trace.mutations import mutated  # noqa: E402

SLOWEST_S = 20.0
LINE_S = 30.0
LONGEST_REPLAYED = 10_000
"""Bodies: a spoilt file may rightly ask for a step of a million."""


def bases(folder: Path) -> list[tuple[bytes, object]]:
    """The whole files that are spoilt, each with a package it runs on."""
    package, model, plan = tiny_inputs(folder, batch=2)
    tiny = "".join(line + "\n" for line in lines(build_trace(package, model, plan)))
    samples = [ROOT / "traces" / f"{name}.jsonl" for name in ("by_hand_8x8", "tiny_tree_mozart", "pipeline_1f1b_4x4")]
    return [(tiny.encode(), package), *((path.read_bytes(), package_of(read(path), path)) for path in samples)]


def tried(file: Path, again: Path, package: object) -> str:
    """What became of one file."""
    try:
        trace = read(file)
    except HecasimError:
        return "refused"
    write(trace, again)
    if read(again) != trace:
        raise AssertionError("written again, it reads differently")
    if len(trace.bodies) > LONGEST_REPLAYED:
        return "read, too long to replay here"
    try:
        replay_trace(trace, package, fidelity="analytic")  # no events: a spoilt size may ask for very many
    except HecasimError:
        return "read, its replay refused"
    return "read and replayed"


def main() -> int:
    """Run; the exit code is 1 where a file broke the rule."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--files", type=int, default=20_000)
    arguments.add_argument("--first-seed", type=int, default=10_000)
    asked = arguments.parse_args()
    counts: Counter[str] = Counter()
    started = said = time.monotonic()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wholes = bases(folder)
        file, again = folder / "spoilt.jsonl", folder / "again.jsonl"
        for seed in range(asked.first_seed, asked.first_seed + asked.files):
            whole, package = wholes[seed % len(wholes)]
            spoilt = mutated(whole, np.random.default_rng(seed))
            file.write_bytes(spoilt)
            begun = time.monotonic()
            try:
                counts[tried(file, again, package)] += 1
            except Exception as error:
                counts["BROKEN"] += 1
                kept = ROOT / "tests" / "fuzz" / f"broken-{seed}.jsonl"
                kept.write_bytes(spoilt)
                print(f"seed {seed}: {type(error).__name__}: {str(error)[:200]}; kept as {kept}")
            slowest = max(slowest, time.monotonic() - begun)
            if time.monotonic() - said > LINE_S:
                said = time.monotonic()
                print(f"{sum(counts.values())} of {asked.files}: {dict(counts)}", file=sys.stderr, flush=True)
    print(f"{asked.files} files in {time.monotonic() - started:.0f} s, slowest {slowest:.2f} s: {dict(counts)}")
    return 1 if counts["BROKEN"] or slowest > SLOWEST_S else 0


if __name__ == "__main__":
    raise SystemExit(main())
