"""Points that cost next to nothing, and work functions for them: what is tested is who runs and keeps them."""

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from hecasim.sweep.point import DONE, FAILED, INFEASIBLE, Outcome, Point, compact, content_key


def cheap_points(count: int, **payload: Any) -> list[Point]:
    """Points with two axes; what they need is in the payload."""
    points = []
    for number in range(count):
        inputs = {"number": number, "half": number // 2}
        points.append(
            Point(number, {"plan.batch": number, "model": f"m{number % 3}"}, inputs, content_key(inputs, "0"),
                  {"number": number, **payload})
        )  # fmt: skip
    return points


def imagine(payload: dict[str, Any]) -> Outcome:
    """An outcome that depends on the number alone; every seventh does not fit and every eleventh fails."""
    number = payload["number"]
    time.sleep(payload.get("sleep_s", 0.0))
    if "pids" in payload:
        (Path(payload["pids"]) / str(os.getpid())).touch()
    if number % 7 == 3:
        return Outcome(INFEASIBLE, f"DRAM: needed {number}")
    if number % 11 == 5:
        return Outcome(FAILED, "stalled: nobody waits, for “nothing”")
    noise = hashlib.sha256(str(number).encode()).hexdigest()
    return Outcome(DONE, document=compact({"step_time_ps": number * 10**17, "mfu": number / 7, "note": noise * 40}))


def kill_some(payload: dict[str, Any]) -> Outcome:
    """Kill the worker: always for the numbers `always`, the first time only for those in `once`."""
    number = payload["number"]
    mark = Path(payload["marks"]) / str(number)
    if number in payload.get("always", ()) or (number in payload.get("once", ()) and not mark.exists()):
        with mark.open("a") as page:
            page.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return imagine(payload)
