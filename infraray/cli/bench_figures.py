"""A benchmark's figures at the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from infraray.errors import InfrarayError
from infraray.load.benchmark import Benchmark
from infraray.load.measurement import LAG_THAT_MATTERS, TrafficMeasurement
from infraray.load.metrics import latencies
from infraray.load.responses import Response
from infraray.load.workloads import ServiceLevel
from infraray.reports.table_lines import print_table


def read_percentiles(text: str) -> tuple[float, ...]:
    """Percentiles separated by commas.

    Raises:
        InfrarayError: one is malformed.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = (math.nan,)
    if not all(0 <= one <= 100 for one in found):
        raise InfrarayError(f"--percentiles {text!r}: must be numbers from 0 to 100 with commas, such as 50,95,99.9")
    return found


def print_figures(benchmark: Benchmark, percentiles: Sequence[float], console: Console) -> None:
    """Prints a benchmark: what was sent, each traffic's figures, and a comparison if there are several."""

    def say(line: str, style: str | None = None) -> None:
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    workload = benchmark.workload
    say(
        f"{benchmark.model} at {benchmark.base_url}: prompts of {workload.shortest_input} to {workload.input_tokens} "
        f"tokens, answers of {'' if workload.ignore_eos else 'up to '}{workload.shortest_output} to "
        f"{workload.output_tokens}, seed {benchmark.seed}"
    )
    if benchmark.tokenizer is None:
        say("the lengths of prompts are estimates; --tokenizer MODEL makes them exact")
    for one in benchmark.traffics:
        say(f"\n{one.traffic.label}", style="bold")
        for line in _lines(one, workload.service_level):
            say(line)
        print_table(_latencies(one, percentiles), console)
        for warning in one.warnings:
            say(f"warning: {warning}", style="yellow")
    if len(benchmark.traffics) > 1:
        say("")
        print_table(_comparison(benchmark, percentiles), console)


def _lines(one: TrafficMeasurement, level: ServiceLevel | None) -> list[str]:
    metrics, lag = one.metrics, one.client_lag
    failures = ", ".join(f"{count} {kind}" for kind, count in metrics.failures.items())
    late = max(lag.send_s.p99, lag.receive_s.p99)
    trusted = ", which is little against the latencies" if late <= LAG_THAT_MATTERS * metrics.ttft_s.p50 else ""
    return [
        f"requests    {metrics.completed} of {metrics.requests} succeeded in {metrics.wall_s:.2f} s"
        + (f"; failed: {failures}" if failures else ""),
        f"throughput  {metrics.request_throughput:.3g} requests/s, {one.input_throughput:,.0f} prompt tokens/s, "
        f"{metrics.output_throughput:,.0f} output tokens/s",
        *([_goodput(one, level)] if level is not None else []),
        f"client lag  sent {_ms(lag.send_s.p99)} ms, read {_ms(lag.receive_s.p99)} ms late (p99){trusted}",
    ]


def _goodput(one: TrafficMeasurement, level: ServiceLevel) -> str:
    metrics = one.metrics
    good = round((metrics.goodput or 0.0) * metrics.wall_s)
    asked = {"TTFT": level.ttft_s, "TPOT": level.tpot_s, "E2E": level.e2e_s}
    limits = ", ".join(f"{name} <= {limit * 1e3:g} ms" for name, limit in asked.items() if limit is not None)
    share = good / metrics.requests if metrics.requests else 0.0
    return f"goodput     {metrics.goodput or 0.0:.3g} requests/s: {share:.1%} of the requests have {limits}"


def _latencies(one: TrafficMeasurement, percentiles: Sequence[float]) -> Table:
    """One row per kind of latency, in ms."""
    found = latencies(_successes(one))
    rows = {"TTFT": found.ttft_s, "TPOT": found.tpot_s, "ITL": found.itl_s, "E2E": found.e2e_s}
    if one.traffic.rate is not None and one.traffic.concurrency is not None:
        # Only here do due requests wait in the client for a place.
        rows |= {"TTFT from sending": found.ttft_from_send_s, "E2E from sending": found.e2e_from_send_s}
    table = Table("ms", *("mean", *(f"p{level:g}" for level in percentiles), "max"))
    for column in table.columns[1:]:
        column.justify = "right"
    for name, values in rows.items():
        figures = [_percentile(values, level) for level in percentiles]
        mean, most = (float(np.mean(values)), max(values)) if values else (math.nan, math.nan)
        table.add_row(name, *map(_ms, (mean, *figures, most)))
    return table


def _comparison(benchmark: Benchmark, percentiles: Sequence[float]) -> Table:
    """One row per traffic; latencies in ms, at the first and the last of the percentiles."""
    with_goodput = benchmark.workload.service_level is not None
    levels = list(dict.fromkeys((percentiles[0], percentiles[-1])))
    table = Table("traffic", "requests/s", *(["goodput"] if with_goodput else []), "tokens/s")
    for name in ("TTFT", "TPOT"):
        for level in levels:
            table.add_column(f"{name} p{level:g}")
    table.add_column("failed")
    for column in table.columns[1:]:
        column.justify = "right"
    for one in benchmark.traffics:
        metrics, found = one.metrics, latencies(_successes(one))
        table.add_row(
            one.traffic.label,
            f"{metrics.request_throughput:.3g}",
            *([f"{metrics.goodput or 0.0:.3g}"] if with_goodput else []),
            f"{metrics.output_throughput:,.0f}",
            *(_ms(_percentile(values, level)) for values in (found.ttft_s, found.tpot_s) for level in levels),
            str(metrics.requests - metrics.completed),
        )
    return table


def _successes(one: TrafficMeasurement) -> list[Response]:
    return [response for response in one.responses if response.failure is None]


def _percentile(values: Sequence[float], level: float) -> float:
    return float(np.percentile(values, level)) if values else math.nan


def _ms(seconds: float) -> str:
    """Milliseconds with three digits; a dash if there are none."""
    if not math.isfinite(seconds):
        return "-"
    milliseconds = seconds * 1e3
    return f"{milliseconds:,.0f}" if milliseconds >= 100 else f"{milliseconds:.3g}"
