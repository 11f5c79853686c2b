"""`hecasim reproduce`: a paper's tables beside ours."""

from typing import Annotated

import typer

from hecasim.cli import options
from hecasim.cli.output import note, print_json, show


def reproduce(
    paper: Annotated[str, typer.Argument(metavar="PAPER", help="Which paper: mozart.", show_default=False)],
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=20, help="Draws of routing to take the mean of.")] = 1,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Show how the calibrated parameters are found, and nothing else.")
    ] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Run the cases of a paper and print its figures beside ours, with everything that was assumed.

    Example: [cyan]hecasim reproduce mozart[/]
    """
    from hecasim.report.reproduction import calibration, reproduction
    from hecasim.reproduce import CALIBRATIONS, PAPERS

    def progress(what: str) -> None:
        note(f"  {what}", as_json=as_json, quiet=quiet)

    if calibrate:
        study = CALIBRATIONS[paper](progress)
        if as_json:
            print_json(study)
        else:
            show(*calibration(study))
        return
    found = PAPERS[paper](seeds, progress)
    if as_json:
        print_json(found.to_json())
    else:
        show(*reproduction(found.paper, found.to_json()))
