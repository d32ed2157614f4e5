"""`tastemaker bench …`: the benchmarks, for people and for scripts. Each is imported when run: torch is large."""

from typing import Annotated, Any

import typer
from rich.table import Table

from app.cli.output import out, print_json, say

Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of torch.", show_default="torch's own choice")]

bench = typer.Typer(
    help="Measure training and sampling against their floors, and how quick the site is.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Adds the group of commands."""
    app.add_typer(bench, name="bench")


@bench.command()
def train(
    pairs: Annotated[int, typer.Option(min=2, help="Pairs to train on; the first only warms up.")] = 7,
    threads: Threads = None,
    memory: Annotated[bool, typer.Option(help="Measure peak memory too.")] = True,
    as_json: Json = False,
) -> None:
    """Time per pair and step over the bare UNet's, and over the paper's scheme, with the peak memory of both."""
    from bench import train as benchmark

    _use_threads(threads)
    found = benchmark.run(pairs=pairs, memory=memory, say=say)
    _print(found, as_json, {"on policy": found, "base as reference": found["base_reference"]})


@bench.command()
def sample(
    groups: Annotated[int, typer.Option(min=1, help="Groups of two samples, drawn in one batch.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Turns that count.")] = 5,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Time per sample over the bare UNet's forwards and the VAE's decode."""
    from bench import sample as benchmark

    _use_threads(threads)
    found = benchmark.run(groups=groups, repeats=repeats, say=say)
    _print(found, as_json, {"sampling": found})


@bench.command()
def keypress(
    choices: Annotated[int, typer.Option(min=10, max=200, help="Key presses that count.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of keys and pauses.")] = 0,
    as_json: Json = False,
) -> None:
    """Milliseconds from a key press to the next pair drawn, in a real Chromium (about two minutes)."""
    from bench import keypress as benchmark

    found = benchmark.run(choices=choices, seed=seed, say=say)
    _print(found, as_json, {"key press": found})


@bench.command()
def site(
    people: Annotated[int, typer.Option(min=2, help="Simulated annotators.")] = 200,
    thinking: Annotated[float, typer.Option(min=1, help="Seconds in which they think 2 s on average.")] = 60,
    rush: Annotated[float, typer.Option(min=1, help="Seconds in which they do not think, for the highest rate.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of pauses and answers.")] = 0,
    processes: Annotated[int, typer.Option(min=1, help="Processes of the site.")] = 1,
    as_json: Json = False,
) -> None:
    """Choices a second from many annotators at once, and whether any is lost, double or over quota."""
    from bench import site as benchmark

    found = benchmark.run(people=people, thinking_s=thinking, rush_s=rush, seed=seed, say=say, processes=processes)
    _print(found, as_json, {"site": found | found["answer_and_next_ms"]})


@bench.command(name="next")
def next_(
    pairs: Annotated[int, typer.Option(min=10_000, help="Pairs of the larger study.")] = 1_000_000,
    answered: Annotated[int, typer.Option(min=1, help="Of them answered by someone already.")] = 20_000,
    repeats: Annotated[int, typer.Option(min=10, max=400, help="Requests that count, of each.")] = 200,
    as_json: Json = False,
) -> None:
    """Milliseconds until the next pairs are there, in a study of a thousand pairs and in one of a million."""
    from bench import next as benchmark

    found = benchmark.run(pairs=(1000, pairs), answered=answered, repeats=repeats, say=say)
    _print(found, as_json, {"next": found})


@bench.command()
def pages(
    repeats: Annotated[int, typer.Option(min=1, max=200, help="Requests of each page that count.")] = 20,
    rounds: Annotated[int, typer.Option(min=3, help="Rounds of the study.")] = 1000,
    pairs: Annotated[int, typer.Option(min=10, help="Pairs of each round, with three choices each.")] = 1000,
    as_json: Json = False,
) -> None:
    """Milliseconds and queries of every page of admins and researchers, beside a study of a million pairs."""
    from bench import many_rounds
    from bench import pages as benchmark

    found = benchmark.run(repeats=repeats, say=say, size=many_rounds.Size(rounds=rounds, pairs=pairs))
    if as_json:
        print_json(found)
        return
    table = Table("", "p50 ms", "p95 ms", "queries", "beside a small study")
    for name, page in found["pages"].items():
        table.add_row(name, *(f"{page[key]:g}" for key in ("p50_ms", "p95_ms", "queries", "queries_small")))
    out.print(table)


@bench.command()
def live(
    dashboards: Annotated[int, typer.Option(min=2, max=500, help="Dashboards open on one round.")] = 50,
    seconds: Annotated[float, typer.Option(min=4, help="Seconds with them, and as many without.")] = 60,
    pairs: Annotated[int, typer.Option(min=100, help="Pairs of the round.")] = 1000,
    as_json: Json = False,
) -> None:
    """Cores that open dashboards cost, and seconds until a change is on the screen of one in a real Chromium."""
    from bench import live as benchmark

    found = benchmark.run(dashboards=dashboards, seconds=seconds, pairs=pairs, say=say)
    _print(found, as_json, {"live": found})


@bench.command()
def export(
    rows: Annotated[
        int, typer.Option(min=20_000, help="Pairs of the larger study; the smaller one has a tenth.")
    ] = 1_000_000,
    only: Annotated[
        list[str] | None, typer.Option("--format", help="A format; may be repeated.", show_default="all")
    ] = None,
    as_json: Json = False,
) -> None:
    """Rows a second of each export format, and its peak memory, which must not grow with the study (an hour)."""
    from app.services.export_formats import FORMATS, get
    from bench import export as benchmark

    formats = [get(name).name for name in only] if only else list(FORMATS)
    found = benchmark.run(rows=rows, formats=formats, say=say)
    _print(found, as_json, found["formats"])


def _use_threads(threads: int | None) -> None:
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


def _print(found: dict[str, Any], as_json: bool, columns: dict[str, dict[str, Any]]) -> None:
    if as_json:
        print_json(found)
        return
    table = Table("", *columns)
    first = next(iter(columns.values()))
    names = [name for name, value in first.items() if isinstance(value, int | float)]
    for name in names:
        table.add_row(name.replace("_", " "), *(f"{column[name]:g}" for column in columns.values()))
    out.print(table)
