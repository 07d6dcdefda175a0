"""``infraray bench``: measures a running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from infraray.cli.completion import complete_arrivals, complete_endpoint, complete_workload
from infraray.cli.exit_status import FAILED_REQUESTS
from infraray.cli.paths import path_of
from infraray.errors import InfrarayError, did_you_mean
from infraray.load.presets import PRESETS

if TYPE_CHECKING:
    from infraray.load.workloads import Workload

_FLAGS = {
    "num_requests": "--requests",
    "rate": "--rate",
    "concurrency": "--concurrency",
    "input_tokens": "--input-tokens",
    "output_tokens": "--output-tokens",
    "length_ratio": "--length-ratio",
    "warmup_requests": "--warmup",
    "request_timeout_s": "--timeout",
    "temperature": "--temperature",
    "endpoint": "--endpoint",
    "arrivals": "--arrivals",
}
"""The flag that sets each field of a workload."""


def bench(
    url: Annotated[str, typer.Argument(help="The API's URL, such as http://host:8000/v1.", metavar="URL")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="The model's name on the server.", show_default="the first that is listed"),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            "-p",
            help=f"A workload to start from: {', '.join(PRESETS)}.",
            show_default="64 requests, 8 at a time",
            autocompletion=complete_workload,
        ),
    ] = None,
    requests: Annotated[int | None, typer.Option("--requests", "-n", help="Requests of each traffic.")] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", "-r", help="Requests/s that arrive; several with commas are measured one by one."),
    ] = None,
    concurrency: Annotated[
        str | None,
        typer.Option("--concurrency", "-c", help="Most requests in flight; likewise several with commas."),
    ] = None,
    arrivals: Annotated[
        str | None,
        typer.Option(
            help="With a rate: poisson or constant gaps.", show_default="poisson", autocompletion=complete_arrivals
        ),
    ] = None,
    input_tokens: Annotated[int | None, typer.Option(help="Longest prompt.", show_default="1024")] = None,
    output_tokens: Annotated[int | None, typer.Option(help="Longest answer.", show_default="128")] = None,
    length_ratio: Annotated[
        float | None,
        typer.Option(help="Shortest length over the longest; 1 for equal lengths.", show_default="0.8"),
    ] = None,
    ignore_eos: Annotated[
        bool | None,
        typer.Option(
            "--ignore-eos/--no-ignore-eos",
            help="Whether every answer must have its full length.",
            show_default="--ignore-eos",
        ),
    ] = None,
    warmup: Annotated[
        int | None, typer.Option(help="Requests that are sent before each traffic, unmeasured.", show_default="2")
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(help="chat or completions.", show_default="chat", autocompletion=complete_endpoint),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature.", show_default="0")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that an answer may take.", show_default="600")] = None,
    slo: Annotated[
        str | None,
        typer.Option(help="What goodput demands of a request: ttft=200ms,tpot=50ms,e2e=5s.", show_default=False),
    ] = None,
    percentiles: Annotated[str, typer.Option(help="Which are shown.")] = "50,90,99",
    tokenizer: Annotated[
        str | None,
        typer.Option(
            help="A model's folder, name on the Hugging Face hub, or infraray for its own.",
            show_default="the model's own where it is on this machine; else estimates",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of prompts, lengths and arrival times.", min=0)] = 0,
    api_key_env: Annotated[str, typer.Option(help="The environment variable that holds the key.")] = "OPENAI_API_KEY",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="FILE.json for everything, request by request; FILE.csv for one row per traffic.",
            parser=path_of("--out"),
            metavar="FILE",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Measure any OpenAI-compatible server: latencies, throughput, goodput, and the client's own lag.

    Exit status: 0 all requests succeeded, 1 some failed, 2 the server could not be measured.
    """
    from infraray.cli.bench_figures import print_figures, read_percentiles
    from infraray.load.benchmark import bench as measure
    from infraray.load.benchmark.progress import load_bar
    from infraray.load.benchmark.result import check_out

    shown = read_percentiles(percentiles)
    if out is not None:
        check_out(out)
    given = {
        "num_requests": requests,
        "traffic": _traffic(rate, concurrency, arrivals),
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "length_ratio": length_ratio,
        "ignore_eos": ignore_eos,
        "warmup_requests": warmup,
        "endpoint": endpoint,
        "temperature": temperature,
        "request_timeout_s": timeout,
    }
    workload = _workload(preset, {name: value for name, value in given.items() if value is not None}, slo)
    benchmark = measure(
        url,
        workload,
        model=model,
        tokenizer=tokenizer,
        api_key_env=api_key_env,
        seed=seed,
        watching=None if quiet else load_bar,
    )
    console = Console()
    print_figures(benchmark, shown, console)
    if out is not None:
        benchmark.save(out)
        console.print(f"written to {out}", markup=False, highlight=False, soft_wrap=True)
    if benchmark.failed:
        raise typer.Exit(FAILED_REQUESTS)


def _workload(preset: str | None, given: dict[str, Any], slo: str | None) -> Workload:
    """A preset, or the bench's own workload, with the flags in place of its fields.

    Raises:
        InfrarayError: a flag's value is out of its range.
    """
    from infraray.load.benchmark import BENCH
    from infraray.load.benchmark.service_level import read_service_level
    from infraray.load.workloads import Workload

    if preset is not None and preset not in PRESETS:
        raise InfrarayError(f"--preset {preset}: no such workload; {did_you_mean(preset, PRESETS)}")
    if slo is not None:
        given = {**given, "service_level": read_service_level(slo)}
    # Only the figures themselves count here: any length of output has them.
    start = {**(BENCH if preset is None else PRESETS[preset]), "objective": "request_throughput"}
    try:
        return Workload.parse("bench", {**start, **given})
    except InfrarayError as error:
        raise InfrarayError("\n".join(_in_flags(line) for line in str(error).splitlines())) from None


def _in_flags(line: str) -> str:
    """An error about a workload's field in the words of the command line."""
    field, equals, rest = line.removeprefix("bench: ").partition("=")
    names = field.split(".")
    return f"{_FLAGS.get(names[-1] if names[0] == 'traffic' else names[0], field)}{equals}{rest}"


def _traffic(rate: str | None, concurrency: str | None, arrivals: str | None) -> list[dict[str, Any]] | None:
    """A traffic for each rate and each limit on concurrency; None where neither is given.

    Raises:
        InfrarayError: a number is malformed, both are several, or arrivals are given without a rate.
    """
    if rate is None and arrivals is not None:
        raise InfrarayError(f"--arrivals {arrivals}: needs a --rate")
    if rate is None and concurrency is None:
        return None
    rates = [None] if rate is None else _numbers("--rate", rate, float)
    limits = [None] if concurrency is None else _numbers("--concurrency", concurrency, int)
    if len(rates) > 1 and len(limits) > 1:
        raise InfrarayError(f"--rate {rate} --concurrency {concurrency}: only one of them can be several")
    return [
        {
            "arrivals": "burst" if one is None else arrivals or "poisson",
            "rate": one,
            "concurrency": limit,
        }
        for one in rates
        for limit in limits
    ]


def _numbers(flag: str, text: str, kind: type[int] | type[float]) -> list[Any]:
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        example = "8 or 1,8,64" if kind is int else "4 or 1,2,4.5"
        raise InfrarayError(f"{flag} {text!r}: must be a number or several with commas, such as {example}") from None
