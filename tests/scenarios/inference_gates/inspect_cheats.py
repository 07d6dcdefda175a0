"""Every cheat through both gates without pytest, such as on a GPU.

    python examples/answering_model.py runs/answering
    python examples/answering_model.py runs/smaller --hidden 32 --layers 1 --steps 300 --questions-only
    python -m tests.scenarios.inference_gates.inspect_cheats runs/answering runs/smaller

Prints a line each: whether it was caught, by which checks, and what the quality gate says. Ends with 1 where one was
not caught, or the honest server not let through.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infraray.engines import EngineSpec
from infraray.engines.process import EngineProcess
from infraray.scenarios.inference.integrity import probes
from tests.engines.started import started
from tests.scenarios.inference_gates.inspection import Inspector

CHEATING_SERVER = Path(__file__).with_name("cheating_server.py")
MANY_CANARIES = 60
"""Of each place: a model that anybody serves repeats every code, this one sees 4 in 10, and 12 pairs show that by
3.2 to 4.4 standard errors (60 pairs, two machines' models), 60 by 7 to 10, of which the check wants 4."""
QUESTIONS = 100

CAUGHT_BY: dict[str, set[str]] = {
    "fake_first_chunk": {"first_chunk"},
    "canned_text": {"improbable_text", "canary"},
    "shuffled_text": {"improbable_text"},
    "questions_only": {"improbable_text", "canary"},
    "other_model": {"improbable_text", "fingerprint"},
    "other_model_unless_asked": {"improbable_text"},
    "inflated_usage": {"token_counts"},
    "early_stop": {"ignored_eos"},
    "cut_prompt": {"improbable_text", "canary"},
    "stored_answers": {"repeated_requests"},
    "proxy": {"connections"},
    "silent_probes": {"token_counts"},
}
"""The checks that are for each."""


@dataclass(frozen=True)
class Cheats:
    """The server that cheats, each way behind a path of its own."""

    process: EngineProcess

    def url(self, cheat: str) -> str:
        return f"http://127.0.0.1:{self.process.port}/{cheat}/v1"


@contextmanager
def reference_of(model: str) -> Iterator[EngineProcess]:
    """The reference server of a model."""
    with started(EngineSpec(engine="transformers", model=model, flags={"dtype": "float32"})) as process:
        yield process


@contextmanager
def cheats_beside(inspector: Inspector, smaller: Path) -> Iterator[Cheats]:
    """A server of the inspector's model that cheats, and that has a smaller one, too."""
    command = (
        *("{python}", "-P", str(CHEATING_SERVER), "--model", "{model}", "--other-model", str(smaller)),
        *("--upstream", inspector.reference_url.removesuffix("/v1"), "--port", "{port}"),
    )
    with started(EngineSpec(engine="transformers", model=inspector.model, command=command)) as process:
        yield Cheats(process)


def main() -> None:
    """Inspects the honest server and every cheat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("answering", type=Path, help="what examples/answering_model.py wrote")
    parser.add_argument("smaller", type=Path, help="the same with a smaller model")
    given = parser.parse_args()
    few, wrong = probes.CANARIES, 0
    folder = given.answering.resolve()
    with reference_of(str(folder / "model")) as reference:
        inspector = Inspector.beside(reference.url, folder, QUESTIONS)
        with cheats_beside(inspector, given.smaller.resolve() / "model") as cheats:
            for cheat, caught_by in {"honest": set[str](), **CAUGHT_BY}.items():
                probes.CANARIES = few if caught_by and "canary" not in caught_by else MANY_CANARIES
                quality = inspector.quality(cheats.url(cheat))
                result = inspector.integrity(cheats.url(cheat), cheats.process.pid or 0)
                found = {finding.check for finding in result.findings}
                right = caught_by <= found and (result.passed and quality.passed) == (not caught_by)
                wrong += not right
                print(
                    f"{'right' if right else 'WRONG'} | {cheat} | {', '.join(sorted(found)) or '-'} | {result.reason}"
                )
                print(f"      quality: {quality.reason}", flush=True)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
