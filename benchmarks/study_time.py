"""Where the time of a study goes: `python -m benchmarks.study_time RUN...`, of runs of `infraray search`.

Prints, for each folder, trials an hour of the study's clock, and the seconds of a trial and of one evaluation seed
by part, from what the study wrote down. To compare two versions, run the same study with each and name both folders.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from infraray.tune.journal import read_journal
from infraray.tune.study import DEADLINE

PARTS = ("start_s", "measure_s", "probe_s", "opinion_s")
"""Launch to ready; load, with its own warm-up; the gates' questions; the reference's start and opinion."""


def parts(measurements: Sequence[Mapping[str, Any]], totals_s: Sequence[float] = ()) -> str:
    """Mean seconds of each part, and of what is in none."""
    figures = [one["metrics"] for one in measurements]
    seeds = [max(1, len(one["samples"])) for one in measurements]
    # The metrics are means over the seeds.
    means = {
        part: fmean(found[part] * count for found, count in zip(figures, seeds, strict=True))
        for part in PARTS
        if all(part in found for found in figures)
    }
    said = [f"{part.removesuffix('_s')} {seconds:.1f}" for part, seconds in means.items()]
    if totals_s:
        said.append(f"other {fmean(totals_s) - sum(means.values()):.1f}")
    return ", ".join(said)


def report(folder: Path) -> list[str]:
    """Lines about a study."""
    events = read_journal(folder / "trials.jsonl")
    finished = [event for event in events if event["kind"] == "finished"]
    whole = [event for event in finished if event["measurement"]["failure"] != DEADLINE]
    measured = [event for event in whole if event["measurement"]["failure"] is None]
    failed = [event for event in whole if event["measurement"]["failure"] is not None]
    seconds = max((event["ended_s"] for event in finished), default=0.0)
    name = json.loads((folder / "study.json").read_text())["name"]
    lines = [f"{name}: {len(whole)} trials in {seconds:.0f} s, {3600 * len(whole) / max(seconds, 1e-9):.1f} an hour"]
    for what, some in (("measured", measured), ("failed", failed)):
        if some:
            totals = [event["ended_s"] - event["began_s"] for event in some]
            lines.append(
                f"  {len(some)} {what}, {fmean(totals):.1f} s each (the first {totals[0]:.1f}, the last "
                f"{totals[-1]:.1f}): {parts([event['measurement'] for event in some], totals)}"
            )
    confirmed = [event["measurement"] for event in events if event["kind"] == "confirmed_seed"]
    if confirmed:
        lines.append(f"  {len(confirmed)} evaluation seeds: {parts(confirmed)}")
    lines += [
        f"  {event['label']}: {event['measurement']['score']}, {event['measurement']['failure'] or 'confirmed'}"
        for event in events
        if event["kind"] == "confirmed"
    ]
    return lines


def main() -> None:
    """Prints a few lines for each study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+", help="the folder of a study")
    for folder in parser.parse_args().run:
        print("\n".join(report(folder)), flush=True)


if __name__ == "__main__":
    main()
