"""`hecasim place`: where the experts of a mixture live, and how many copies and how much balance that gives."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hecasim.cli import options
from hecasim.cli.output import ProgressReport, note, print_json, show
from hecasim.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hecasim.experts.comparison import Sample
    from hecasim.experts.cost import Speeds
    from hecasim.experts.layer_cost import Weights
    from hecasim.experts.moving_cost import MovingRates
    from hecasim.specs import ModelSpec

ELEMENT_BYTES = 2  # FP16 and BF16 weights
CHIPLETS, GROUPS = 16, 4  # of Mozart (arXiv 2603.07006)
TOKENS = 4096  # half of a step of 32 sequences of 256

PLACED = "What is placed"
HOW = "How it is placed"

Model = Annotated[
    str,
    typer.Option("--model", metavar="M", help="Name, YAML file or Hugging Face config.json.", rich_help_panel=PLACED),
]
Source = Annotated[
    str,
    typer.Option(
        "--routing",
        metavar="R",
        help="'preset' (the model's own synthetic router), the name of another preset, 'uniform', "
        "or a file of recorded routing (.npz, JSON lines).",
        rich_help_panel=PLACED,
    ),
]
Chiplets = Annotated[
    int | None,
    typer.Option(
        "--chiplets",
        metavar="N",
        min=1,
        help=f"Expert chiplets. [dim]\\[default: {CHIPLETS}; the package's][/]",
        rich_help_panel=PLACED,
        show_default=False,
    ),
]
Groups = Annotated[
    int | None,
    typer.Option(
        "--groups",
        metavar="G",
        min=1,
        help=f"Groups of chiplets, one switch each. [dim]\\[default: {GROUPS}; the package's][/]",
        rich_help_panel=PLACED,
        show_default=False,
    ),
]
Package = Annotated[
    str | None,
    typer.Option(
        "--package",
        metavar="P",
        help="A tree: its chiplets and groups, the rates that balanced weighs, and the time to move experts.",
        rich_help_panel=PLACED,
    ),
]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--tokens",
        metavar="T",
        min=1,
        help=f"Tokens to fit on, and as many others to measure on. [dim]\\[default: {TOKENS}; all of a file][/]",
        rich_help_panel=PLACED,
        show_default=False,
    ),
]
Seeds = Annotated[
    int,
    typer.Option("--seeds", metavar="n", min=1, help="Samples drawn; means are shown.", rich_help_panel=PLACED),
]
Drift = Annotated[
    float,
    typer.Option(
        "--drift",
        metavar="x",
        help="Share of every expert's character that is new when measured: text of another kind.",
        rich_help_panel=PLACED,
    ),
]
Measure = Annotated[
    Path | None,
    typer.Option(
        "--measure", metavar="FILE", help="Recorded routing of another set, to measure on.", rich_help_panel=PLACED
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--placement", metavar="K", help="Only this one; repeatable. Default: all.", rich_help_panel=HOW),
]
Aggregate = Annotated[
    str,
    typer.Option("--aggregate", metavar="A", help="clustered: mean, sum or max begins a cluster.", rich_help_panel=HOW),
]
Allocation = Annotated[
    str,
    typer.Option(
        "--allocation", metavar="A", help="clustered: exact or greedy clusters to groups.", rich_help_panel=HOW
    ),
]
Starts = Annotated[
    int, typer.Option("--starts", metavar="n", min=1, max=100, help="balanced: starts tried.", rich_help_panel=HOW)
]
WeightsGiven = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="KEY=TIME",
        help="balanced: what costs how much. Keys: copy (each copy of a token sent), chiplet (each token-expert on the "
        "hottest chiplet), group (each copy to the busiest group), home (each token of the busiest group), last "
        "(each token-expert on the chiplet loaded last). "
        "Example: --weight chiplet='200 ns'",
        rich_help_panel=HOW,
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write one placement, of the first seed, there.")
]
Save = Annotated[str, typer.Option("--save", metavar="K", help="Which placement --out writes.")]


def place(
    model: Model,
    routing: Source = "preset",
    package: Package = None,
    chiplets: Chiplets = None,
    groups: Groups = None,
    tokens: Tokens = None,
    seeds: Seeds = 1,
    drift: Drift = 0.0,
    measure: Measure = None,
    placement: Kinds = None,
    aggregate: Aggregate = "mean",
    allocation: Allocation = "exact",
    starts: Starts = 2,
    weight: WeightsGiven = None,
    out: Out = None,
    save: Save = "balanced",
    force: options.Force = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Place the experts of a mixture on chiplets: copies of tokens, and balance, by placement.

    Example: [cyan]hecasim place --model olmoe-1b-7b --routing preset --chiplets 16 --groups 4[/]
    """
    from hecasim.experts import PLACEMENTS, Options, Site
    from hecasim.experts.allocation import SOLVERS
    from hecasim.experts.clustering import AGGREGATES
    from hecasim.experts.comparison import compare
    from hecasim.experts.kept import placement_text
    from hecasim.report.files import whole_file
    from hecasim.specs import load_model

    network = load_model(model)
    tree = _tree(package, chiplets, groups)
    site = Site(*(tree.site if tree else (chiplets or CHIPLETS, groups or GROUPS)))
    kinds = list(dict.fromkeys(placement or PLACEMENTS))
    for flag, word, known in (
        *(("--placement", kind, tuple(PLACEMENTS)) for kind in kinds),
        ("--aggregate", aggregate, AGGREGATES),
        ("--allocation", allocation, SOLVERS),
    ):
        if word not in known:
            raise ConfigError(f"{flag}: unknown name '{word}'; {nearest(word, known)}")
    if out is not None and save not in kinds:
        raise ConfigError(f"--save: found '{save}'; expected one of those placed: {', '.join(kinds)}")
    choices = Options(
        _weights(network, tree.speeds if tree else None, weight or []), 0, aggregate, allocation, starts=starts
    )
    origin, samples = _samples(network, routing, measure, tokens, seeds, drift)
    with ProgressReport(quiet=quiet or as_json) as progress:
        tell = progress.report("place")
        total, done = seeds * len(kinds), iter(range(10**9))
        found = compare(
            network, samples, kinds, site, choices, lambda text: tell(next(done) / total, text),
            tree.rates if tree else None, ELEMENT_BYTES,
        )  # fmt: skip
    document = found.document
    document["inputs"]["routing"] = origin
    if out is not None:
        with whole_file(out, force=force) as partial:
            partial.write_text(placement_text(found.placements[save]), encoding="utf-8")
    if as_json:
        print_json(document)
    else:
        from hecasim.report.placements import placements

        show(*placements(document, ELEMENT_BYTES))
    if out is not None:
        note(f"wrote {out} ({save})", as_json=as_json, quiet=quiet)


def _samples(
    model: "ModelSpec", word: str, measure: Path | None, tokens: int | None, seeds: int, drift: float
) -> "tuple[str, Iterator[Sample]]":
    """Where the tokens come from, in words, and the samples, drawn when asked for."""
    from hecasim.experts import ROUTERS, router_for
    from hecasim.experts.comparison import check_fits, recorded_sample, synthetic_sample
    from hecasim.experts.recorded import read_routing
    from hecasim.experts.synthetic import experts_of

    experts_of(model)
    file = Path(word)
    if word == "preset" or word in ROUTERS:
        if measure is not None:
            raise ConfigError("--measure: expected --routing to be a file too; a synthetic set is shifted with --drift")
        router = router_for(word, model.name)
        drawn = (synthetic_sample(model, router, tokens or TOKENS, seed, drift) for seed in range(seeds))
        shift = f", measured after a drift of {drift:g}" if drift else ""
        return f"{router.about}, {seeds} seed{'s' if seeds > 1 else ''}{shift}", drawn
    if not (file.exists() or file.suffix or len(file.parts) > 1):
        raise ConfigError(f"--routing: unknown name '{word}'; {nearest(word, ['preset', *ROUTERS])}, or name a file")
    if drift or seeds > 1:
        raise ConfigError("--drift, --seeds: a recorded set is drawn once; name a shifted one with --measure")
    recorded, shifted = read_routing(file), read_routing(measure) if measure else None
    for one, name in ((recorded, file), (shifted, measure)):
        if one is not None:
            check_fits(one, model, str(name))
    origin = f"{file}" + (f", measured on {measure}" if measure else "")
    return origin, iter([recorded_sample(recorded, shifted, tokens)])


class _Tree(NamedTuple):
    """What a package says to a placement."""

    site: tuple[int, int]
    speeds: "Speeds"
    rates: "MovingRates"


def _tree(package: str | None, chiplets: int | None, groups: int | None) -> _Tree | None:
    """Chiplets, groups and rates of a package; ConfigError where the flags say otherwise."""
    if package is None:
        return None
    from hecasim.experts.cost import speeds_of
    from hecasim.experts.moving_cost import moving_rates
    from hecasim.specs import load_package, load_plan

    hardware = load_package(package)
    rates = moving_rates(hardware)
    _, switches, below = hardware.topology.shape
    site = (switches * below, switches)
    for flag, given, own in (("--chiplets", chiplets, site[0]), ("--groups", groups, site[1])):
        if given not in (None, own):
            raise ConfigError(f"{flag}: found {given}; expected {own}, as {hardware.name} has, or leave it out")
    return _Tree(site, speeds_of(hardware, load_plan({})), rates)


def _weights(model: "ModelSpec", speeds: "Speeds | None", given: list[str]) -> "Weights":
    """The default weights with those of the command line on top."""
    from dataclasses import replace

    from hecasim.experts.cost import default_weights
    from hecasim.units import PS_PER_S, WrongUnitError, in_base_units

    weights = default_weights(model, speeds)
    keys = ("copy", "chiplet", "group", "home", "last")
    for setting in given:
        key, equals, text = setting.partition("=")
        if not equals or key not in keys:
            raise ConfigError(f"--weight {setting}: expected KEY=TIME; {nearest(key, keys)}")
        try:
            seconds = float(in_base_units(text, "ps")) / PS_PER_S
        except WrongUnitError as error:
            raise ConfigError(f"--weight {key}: found {text}; {error}, such as '200 ns'") from None
        if seconds < 0:
            raise ConfigError(f"--weight {key}: found {text}; expected 0 s or more")
        weights = replace(weights, **{f"{key}_s": seconds})
    return weights
