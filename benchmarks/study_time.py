"""A breakdown of a study's time: `python -m benchmarks.study_time RUN...`, for runs of `infraray search`.

Prints, for each folder, trials per hour of the study's clock, and the seconds of a trial and of one evaluation seed
by part, from the study's records. To compare two versions, run the same study with each and name both folders.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from infraray.tune.evaluation import Evaluation
from infraray.tune.report import study_report

PARTS = ("start_s", "measure_s", "probe_s", "opinion_s")
"""Launch to ready; load, with its own warm-up; the gates' questions; the reference's start and opinion."""


def parts(evaluations: Sequence[Evaluation], totals_s: Sequence[float] = ()) -> str:
    """Mean seconds of each part, and of the rest."""
    # The metrics are means over the seeds.
    means = {
        part: fmean(one.metrics[part] * max(1, len(one.samples)) for one in evaluations)
        for part in PARTS
        if all(part in one.metrics for one in evaluations)
    }
    said = [f"{part.removesuffix('_s')} {seconds:.1f}" for part, seconds in means.items()]
    if totals_s:
        said.append(f"other {fmean(totals_s) - sum(means.values()):.1f}")
    return ", ".join(said)


def report(folder: Path) -> list[str]:
    """Lines about a study."""
    study = study_report(folder)
    whole = [row for row in study.trials if row not in study.cut_off]
    hourly = 3600 * len(whole) / max(study.seconds, 1e-9)
    lines = [f"{study.name}: {len(whole)} trials in {study.seconds:.0f} s, {hourly:.1f} an hour"]
    for what, some in (("measured", [row for row in whole if row not in study.failed]), ("failed", study.failed)):
        if some:
            totals = [row.ended_s - row.began_s for row in some]
            lines.append(
                f"  {len(some)} {what}, {fmean(totals):.1f} s each (the first {totals[0]:.1f}, the last "
                f"{totals[-1]:.1f}): {parts([row.evaluation for row in some], totals)}"
            )
    return lines + [
        f"  {one.label}: {one.evaluation.score}, {one.evaluation.failure or 'confirmed'}: {parts([one.evaluation])}"
        for one in study.standings
    ]


def main() -> None:
    """Prints a few lines for each study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="+", help="the folder of a study")
    for folder in parser.parse_args().run:
        print("\n".join(report(folder)), flush=True)


if __name__ == "__main__":
    main()
