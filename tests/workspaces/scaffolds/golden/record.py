"""Records what the real programs print: `python -m tests.workspaces.scaffolds.golden.record CLIS`.

CLIS is the folder of `install_clis`. A folder for each program and version holds the lines of its two starts in the
story, and of starts whose key was refused, whose request was refused, and whose model stumbled.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infraray.workspaces.scaffolds.scaffold import find_scaffold
from tests.workspaces import story
from tests.workspaces.driven import Driven, Outcome
from tests.workspaces.install_clis import VERSIONS, commands
from tests.workspaces.scripted_model import ScriptedModel, Turn, cut, refuse, say

HERE = Path(__file__).parent
FAILURES: dict[str, Sequence[Turn]] = {
    "needs_login": [refuse(401, "invalid x-api-key")] * 20,
    "model_refused": [refuse(400, "the tools are not supported")] * 20,
    "stumbles": [refuse(429, "slow down", retry_after="1"), cut("half of a sentence"), say("Done.")],
}


def record(name: str, version: str) -> None:
    """Records all starts of a program."""

    def keep(what: str, outcome: Outcome, folder: Path) -> None:
        lines = "".join(line.replace(str(folder), "/run") + "\n" for line in outcome.lines)
        place = HERE / f"{name}-{version}" / f"{what}.jsonl"
        place.parent.mkdir(exist_ok=True)
        place.write_text(lines)

    with tempfile.TemporaryDirectory() as made, ScriptedModel([*story.FIRST_START, *story.SECOND_START]) as model:
        folder = Path(made)
        driven = Driven(find_scaffold(name), folder, model.url)
        story.furnish(driven.at.workspace)
        keep("first", driven.start(story.MISSION), folder)
        keep("second", driven.resume(story.GO_ON), folder)
    for what, script in FAILURES.items():
        with tempfile.TemporaryDirectory() as made, ScriptedModel(script) as model:
            folder = Path(made)
            keep(what, Driven(find_scaffold(name), folder, model.url).start(story.MISSION), folder)


if __name__ == "__main__":
    path = os.environ["PATH"]
    for age, versions in VERSIONS.items():
        os.environ["PATH"] = f"{commands(Path(sys.argv[1]).resolve(), age)}:{path}"
        for name, version in versions.items():
            record(name, version)
