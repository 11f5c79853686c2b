"""The command line: arguments in, exit code out; one file per verb, no logic.

Modules of hecasim other than `errors` are imported inside the verbs, so that `hecasim --help` answers at once.
"""

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hecasim import __version__
from hecasim.cli.bench import bench
from hecasim.cli.bundle import bundle
from hecasim.cli.check import check
from hecasim.cli.compare import compare
from hecasim.cli.export import export
from hecasim.cli.listing import list_parts
from hecasim.cli.place import place
from hecasim.cli.probe import probe
from hecasim.cli.replay import replay
from hecasim.cli.reproduce import reproduce
from hecasim.cli.run import run
from hecasim.cli.schema import schema
from hecasim.cli.sweep import sweep
from hecasim.cli.trace import trace
from hecasim.errors import HecasimError

INTERRUPTED = 130
WRONG_INPUT = 2
DEFECT = 1


class Verbs(TyperGroup):
    """The verbs in the order of their lines below; every way out of a verb ends in one of the documented exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; turn what it raises into a message and an exit code."""
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()  # here, where a closed pipe can still be caught
            return answer
        except HecasimError as error:
            # Plain text: rich would read [name] as markup and break long paths.
            print(f"hecasim: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            again = shlex.join(["hecasim", *sys.argv[1:]])
            print(f"hecasim: interrupted; nothing was written, the same command starts again: {again}", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever reads has seen enough (`hecasim list models | head -1`); the flush at exit must be quiet too.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            print(f"hecasim: cannot write or read {error.filename or 'the output'}: {error.strerror}", file=sys.stderr)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(WRONG_INPUT) from None


app = typer.Typer(
    name="hecasim",
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("run")(run)
app.command("trace")(trace)
app.command("replay")(replay)
app.command("sweep")(sweep)
app.command("export")(export)
app.command("compare")(compare)
app.command("bundle")(bundle)
app.command("place")(place)
app.add_typer(probe, name="probe")
app.command("reproduce")(reproduce)
app.command("bench")(bench)
app.command("list")(list_parts)
app.command("check")(check)
app.command("schema")(schema)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"hecasim {__version__}")
        raise typer.Exit


@app.callback()
def hecasim(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """How long, how much energy and how much memory one training step takes on a package of chiplets, and why.

    Example: [cyan]hecasim run quickstart[/]
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """The program: run one verb and leave with its exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="hecasim")
    except Exception:
        traceback.print_exc()
        print("hecasim: this is a defect of hecasim; please report it with the lines above", file=sys.stderr)
        raise SystemExit(DEFECT) from None
    finally:
        _flush()


def _flush() -> None:
    """Write out what is buffered now, so that a closed pipe or a full disk is met here and not at interpreter exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"hecasim: cannot write the output: {error.strerror}", file=sys.stderr)
        raise SystemExit(WRONG_INPUT) from None
