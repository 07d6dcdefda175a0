"""The result of a benchmark, as a value and as a file."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError
from infraray.load.measurement import TrafficMeasurement
from infraray.load.metrics import plain
from infraray.load.responses import Response
from infraray.load.workloads import Workload
from infraray.version import __version__

FORMATS = (".json", ".csv")


@dataclass(frozen=True)
class Benchmark:
    """A server's metrics under a workload.

    Args:
        base_url: the server's URL.
        model: the model's name in the requests.
        tokenizer: the folder of the tokenizer used for counting; None if lengths are estimated.
        seed: the seed of prompts, lengths and arrival times.
        started_at: when it started.
        workload: what was sent and how.
        traffics: the measurement of each traffic, in the workload's order.
    """

    base_url: str
    model: str
    tokenizer: str | None
    seed: int
    started_at: datetime
    workload: Workload
    traffics: tuple[TrafficMeasurement, ...]

    @property
    def failed(self) -> int:
        """The number of failed requests."""
        return sum(one.metrics.requests - one.metrics.completed for one in self.traffics)

    def to_json(self) -> dict[str, Any]:
        """The result as plain values, each request with its times in s; non-finite numbers become null."""
        written: dict[str, Any] = plain(
            {
                "infraray_version": __version__,
                "base_url": self.base_url,
                "model": self.model,
                "tokenizer": self.tokenizer,
                "seed": self.seed,
                "started_at": self.started_at.isoformat(timespec="seconds"),
                "workload": self.workload.model_dump(mode="json"),
                "traffics": [_told(one) for one in self.traffics],
            }
        )
        return written

    def rows(self) -> list[dict[str, Any]]:
        """The metrics of each traffic as one flat row."""
        return [
            {
                "base_url": self.base_url,
                "model": self.model,
                "seed": self.seed,
                "started_at": self.started_at.isoformat(timespec="seconds"),
                **_flat({**_told(one), "requests": one.metrics.requests, "warnings": "; ".join(one.warnings)}),
            }
            for one in self.traffics
        ]

    def save(self, path: Path) -> None:
        """Writes a file in the format of its suffix: everything as JSON, or one row per traffic as CSV.

        Raises:
            InfrarayError: see `check_out`, or the file cannot be written.
        """
        check_out(path)
        try:
            if path.suffix == ".json":
                path.write_text(json.dumps(self.to_json(), indent=1) + "\n", encoding="utf-8")
                return
            rows = self.rows()
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
                writer.writeheader()
                writer.writerows(rows)
        except OSError as error:
            raise InfrarayError(f"--out {path}: cannot be written ({error.strerror})") from None


def check_out(path: Path) -> None:
    """Rejects a file that could not be written, before anything is measured.

    Raises:
        InfrarayError: its suffix is not in `FORMATS`, its folder does not exist, or it is not writable.
    """
    if path.suffix not in FORMATS:
        raise InfrarayError(f"--out {path}: must end in {' or '.join(FORMATS)}")
    if not path.parent.is_dir():
        raise InfrarayError(f"--out {path}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InfrarayError(f"--out {path}: is not writable")


def _told(one: TrafficMeasurement) -> dict[str, Any]:
    return {
        "traffic": {"label": one.traffic.label, **one.traffic.model_dump()},
        "metrics": {**asdict(one.metrics), "input_throughput": one.input_throughput},
        "client_lag": asdict(one.client_lag),
        "usage": asdict(one.usage),
        "warnings": list(one.warnings),
        "requests": [_request(response) for response in one.responses],
    }


def _request(one: Response) -> dict[str, Any]:
    """One request's times, in s from the start of its traffic, and token counts."""
    return {
        "due_s": one.due_s,
        "sent_s": one.sent_s,
        "first_text_s": one.text_times_s[0] if one.text_times_s else None,
        "last_token_s": one.last_s,
        "finished_s": one.finished_s,
        "text_times_s": list(one.text_times_s),
        "prompt_tokens": one.prompt_tokens,
        "output_tokens": one.tokens,
        "asked_tokens": one.asked_tokens,
        "finish_reason": one.finish_reason,
        "send_lag_s": one.send_lag_s,
        "receive_lag_s": one.receive_lag_s,
        "failure": one.failure,
        "reason": one.reason,
    }


def _flat(value: Any, names: Sequence[str] = ()) -> dict[str, Any]:
    if isinstance(value, dict):
        return {name: found for key, part in value.items() for name, found in _flat(part, (*names, key)).items()}
    return {".".join(names): value}
