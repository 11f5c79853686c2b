"""`hecasim probe`: one component alone, by the classes that a run uses."""

from typing import Annotated, Any

import typer

from hecasim.cli import options
from hecasim.cli.inputs import DEFAULT_PACKAGE, read_settings
from hecasim.cli.output import print_json, show
from hecasim.errors import ConfigError

probe = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", help="One component alone.")


@probe.callback()
def component() -> None:
    """One component alone, as a run would use it.

    Example: [cyan]hecasim probe collective all_reduce --algorithm ring --bytes "1 MiB"[/]
    """


@probe.command("collective")
def collective(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="all_reduce, all_gather, reduce_scatter, broadcast or all_to_all.")
    ],
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="A", help="ring, bypass_ring, torus_2d, direct, rounds or chain.")
    ],
    size: Annotated[
        str, typer.Option("--bytes", metavar="SIZE", help="The full tensor of the group, such as '1 MiB'.")
    ] = "1 MiB",
    package: options.Package = None,
    members: Annotated[
        int | None,
        typer.Option("--members", metavar="N", min=1, help="Tiles in a rectangle, or in a line for bypass_ring.",
                     show_default="all, or a row"),
    ] = None,
    settings: options.Settings = None,
    engine: options.Engine = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Time one collective on an otherwise quiet package.

    Example: [cyan]hecasim probe collective all_reduce --algorithm ring --package oracle_8x8 --bytes "1 MiB"[/]
    """
    from hecasim.probe import probe_collective
    from hecasim.specs import loader

    changes = read_settings(settings or ())
    if changes["model"]:
        raise ConfigError("--set model.…: a collective has no model; expected package.… or plan.…")
    hardware = loader.load_package(package or DEFAULT_PACKAGE, changes["package"])
    plan = loader.load_plan({}, changes["plan"] | ({"engine": engine} if engine else {}))
    answer = probe_collective(hardware, name, algorithm, _size(size), plan, members)
    if as_json:
        print_json(answer)
        return
    _print(hardware.name, answer, quiet=quiet)


def _size(text: str) -> int:
    from hecasim.units import LARGEST, WrongUnitError, in_base_units

    try:
        size = int(text) if text.strip().isdecimal() else in_base_units(text, "B")
    except WrongUnitError as error:
        raise ConfigError(f"--bytes: found '{text}'; {error}, such as '1 MiB'") from None
    if size != int(size) or not 1 <= size <= LARGEST:
        raise ConfigError(f"--bytes: found '{text}'; expected a whole number of bytes, at least 1")
    return int(size)


def _print(package: str, answer: dict[str, Any], *, quiet: bool) -> None:
    from hecasim.probe.collective import OF_OTHERS_CPU_S
    from hecasim.report import quantities as q
    from hecasim.report.listing import nested

    shown = {key: value for key, value in answer.items() if key != "collective"}
    title = f"{answer['collective']} among {answer['members']} tiles of {package}"
    show(*([q.duration(answer["time_ps"] / 1e12)] if quiet else nested(title, shown)))
    other = OF_OTHERS_CPU_S.get((answer["collective"], answer["members"], answer["size_bytes"]))
    if other is not None and not quiet:
        show(f"ASTRA-sim (analytical, congestion-aware) took {other} CPU s for a ring all-reduce of this size.")
