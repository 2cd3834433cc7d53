"""The command line. Exit codes: 0 done, 2 bad input, 3 a solve failed, 4 a check of the case failed.

Nothing heavy is imported until a command needs it, so that help is instant.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from miecsim.errors import CheckError, InputError, InterruptedRunError, MiecsimError

INTERRUPTED = 130  # also what typer makes of Ctrl-C
LABELS = {CheckError: "check failed", InterruptedRunError: "interrupted"}  # of what goes to stderr

app = typer.Typer(
    name="miecsim",
    help="Impedance of mixed conductors and composite electrodes from the continuum equations.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="A case directory, or its case.toml.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help='Override a key, as --set layer.cathode.thickness="80 um".'),
]
Output = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where results go (default: DIR/results).")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the results of another input.")]


@app.command()
def run(directory: Directory, set_: Overrides = None, out: Output = None, force: Force = False) -> None:
    """Solve every study of a case; write result.h5, summary.json and figures; print the summary."""
    from miecsim.commands.run import run_command

    run_command(directory, set_ or [], out, force)


@app.command()
def check(directory: Directory, set_: Overrides = None) -> None:
    """Read a case and say what it describes, without solving."""
    from miecsim.commands.run import check_command

    check_command(directory, set_ or [])


@app.command()
def sweep(
    directory: Directory,
    set_: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where results go (default: DIR/results/sweep).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Processes (default: one for each core).")
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="Solve on the workers of this Dask scheduler (or of its file)."),
    ] = None,
    slurm: Annotated[
        str | None,
        typer.Option(
            "--slurm",
            metavar="KEY=VALUE,...",
            help="Solve in jobs of SLURM: memory (of a job), cores, jobs, walltime, queue, account, interface.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Solve all points again: the results that they have are removed first.")
    ] = False,
    expand: Annotated[
        Path | None,
        typer.Option("--expand", metavar="DIR", help="Solve nothing: write a case for each point, and a SLURM script."),
    ] = None,
    collect: Annotated[
        Path | None,
        typer.Option("--collect", metavar="DIR", help="Solve nothing: bring in the results of cases from --expand."),
    ] = None,
) -> None:
    """Solve every point of the [sweep] of a case; what is done already is kept, so that the same command goes on."""
    from miecsim.commands.sweep import Options, sweep_command

    sweep_command(directory, set_ or [], Options(out, workers, expand, collect, dask, slurm, force))


@app.command()
def fit(
    directory: Directory,
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DATA]...", help="Files of spectra: FILE, or NAME=FILE of the data or study it is."),
    ] = None,
    set_: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where results go (default: DIR/results/fit).")
    ] = None,
    force: Force = False,
) -> None:
    """Fit the free parameters of a case ([fit]) to measured spectra; say what is identified and what is not."""
    from miecsim.commands.fit import fit_command

    fit_command(directory, data or [], set_ or [], out, force)


@app.command(name="list")
def list_(where: Annotated[Path | None, typer.Argument(metavar="DIR", help="A folder of cases.")] = None) -> None:
    """List the cases of a folder (default: those that come with miecsim)."""
    from miecsim.commands.shipped import list_command

    list_command(where)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Directory of the new case.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="CASE", help="A case directory, or the name of a shipped case.")
    ] = None,
    from_bpx: Annotated[
        Path | None, typer.Option("--from-bpx", metavar="FILE", help="A cell in the BPX format (JSON).")
    ] = None,
) -> None:
    """Start a case of your own as a copy of another, or from a BPX file."""
    from miecsim.commands.shipped import new_command, new_from_bpx_command

    if (source is None) == (from_bpx is None):
        raise InputError(f"new {name}: read {'both' if source else 'neither'}; expected either --from or --from-bpx")
    if from_bpx is not None:
        new_from_bpx_command(name, from_bpx)
    elif source is not None:
        new_command(name, source)


@app.command()
def export(
    directory: Directory,
    study: Annotated[
        str | None, typer.Option("--study", metavar="NAME", help="Which study, if there are more.")
    ] = None,
    set_: Overrides = None,
    spice: Annotated[Path | None, typer.Option("--spice", metavar="FILE", help="Write the circuit as SPICE.")] = None,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the circuit as JSON.")] = None,
    tolerance: Annotated[
        float, typer.Option(metavar="X", help="Relative error allowed to the R-C ladder of a constant phase element.")
    ] = 1e-9,
    control: Annotated[
        bool, typer.Option("--control", help="Let ngspice run the deck and write Z to impedance.txt.")
    ] = False,
) -> None:
    """Write the circuit that a study is: resistors, capacitors and controlled sources of its linearised equations."""
    from miecsim.commands.export import export_command

    export_command(directory, study, set_ or [], spice, json_, tolerance, control)


@app.command()
def verify(
    family: Annotated[
        list[str] | None, typer.Option("--family", metavar="NAME", help="Only this family of proofs; repeatable.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer frequencies and meshes: well under a minute.")] = False,
    cells: Annotated[
        int | None, typer.Option("--cells", metavar="N", help="Cells of ladders and of the coarsest refined mesh.")
    ] = None,
    json_: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the table as JSON.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with figures.")] = None,
) -> None:
    """Prove the program on this machine: against closed forms, circuits and laws of linear systems."""
    from miecsim.commands.verify import verify_command

    verify_command(family or [], quick, cells, json_, html)


def main() -> None:
    """Entry point: errors become one line on stderr and an exit code, never a traceback."""
    # small dense blocks gain nothing from BLAS threads, and sparse factorisations stall on them
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = app(standalone_mode=False)
    except MiecsimError as error:
        label = LABELS.get(type(error), "error")
        for line in str(error).splitlines():
            print(f"{label}: {line}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        _unexpected(error)
    if code == INTERRUPTED:
        print("interrupted: nothing was overwritten", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _unexpected(error: Exception) -> None:
    """Usage errors of the command line itself exit with 2; anything else is our fault and says so."""
    show = getattr(error, "format_message", None)
    if show is not None:
        print(f"error: {show()}", file=sys.stderr)
        sys.exit(2)
    if os.environ.get("MIECSIM_DEBUG"):
        raise error
    print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
    print("This is a fault of miecsim, not of your input. MIECSIM_DEBUG=1 shows where it happened.", file=sys.stderr)
    sys.exit(1)
