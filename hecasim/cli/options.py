"""The arguments that several verbs share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

INPUTS = "What is simulated"

Study = Annotated[
    str | None,
    typer.Argument(
        metavar="STUDY",
        show_default=False,
        help="Name of a shipped study or path of a YAML file; flags override it. "
        "Without one: llama2-7b on hecaton_8x8_standard by the method hecaton.",
    ),
]
Package = Annotated[
    str | None, typer.Option("--package", metavar="P", help="Name or YAML file of a package.", rich_help_panel=INPUTS)
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="M", help="Name, YAML file or Hugging Face config.json.", rich_help_panel=INPUTS),
]
Method = Annotated[
    str | None,
    typer.Option("--method", metavar="X", help="Parallel method, as in `list methods`.", rich_help_panel=INPUTS),
]
Batch = Annotated[
    str | None, typer.Option("--batch", metavar="B", help="Sequences per training step.", rich_help_panel=INPUTS)
]
MicroBatch = Annotated[
    str | None,
    typer.Option("--micro-batch", metavar="b", help="Sequences at once in a block, or auto.", rich_help_panel=INPUTS),
]
Sequence = Annotated[
    str | None, typer.Option("--sequence", metavar="S", help="Tokens per sequence.", rich_help_panel=INPUTS)
]
Recompute = Annotated[
    str | None,
    typer.Option(
        "--recompute",
        metavar="R",
        help="What backward computes again instead of loading: none, selective (core attention) or full.",
        rich_help_panel=INPUTS,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any key by its path: package.…, model.… or plan.…; repeatable, wins over the flags. "
        "Example: --set package.link.latency='2 ns'",
        rich_help_panel=INPUTS,
    ),
]
Fidelity = Annotated[
    str | None,
    typer.Option(
        "--fidelity",
        metavar="F",
        help="message (events) or analytic (lower bounds, no events).",
        rich_help_panel=INPUTS,
    ),
]
Engine = Annotated[str | None, typer.Option("--engine", metavar="E", help="fast or plain.", rich_help_panel=INPUTS)]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Processes; as many as there are CPUs.", show_default=False),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what --out holds: only what is missing is run.")]
StoreFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where the store goes; runs/NAME without it.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace what an earlier call wrote there.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout and nothing else.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes, only the answer.")]
Files = Annotated[list[Path], typer.Argument(metavar="FILE", show_default=False)]
