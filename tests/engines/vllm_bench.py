"""`vllm bench serve` as a child process: an independent client for the same requests.

By its module, because the console script of the CPU distribution looks for another name and fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SERVE = """
from vllm.benchmarks.serve import add_cli_args, main
from vllm.utils.argparse_utils import FlexibleArgumentParser

parser = FlexibleArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""


def bench_serve(url: str, model: str, prompts: Sequence[str], output_tokens: int, *options: str) -> dict[str, Any]:
    """Sends the prompts in their order to /v1/completions; returns what it saves, with every request's figures.

    Args:
        url: base URL, with /v1.
        model: folder of the model, under whose path it is served.
        prompts: plain ones.
        output_tokens: of each.
        options: further ones, such as ``--request-rate 8``.
    """
    with tempfile.TemporaryDirectory() as folder:
        prompts_path, result_path = Path(folder, "prompts.jsonl"), Path(folder, "result.json")
        prompts_path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
        arguments = [
            *("--backend", "openai", "--base-url", url.removesuffix("/v1"), "--endpoint", "/v1/completions"),
            *("--model", model, "--dataset-name", "custom", "--dataset-path", str(prompts_path)),
            *(
                "--custom-output-len",
                str(output_tokens),
                "--skip-chat-template",
                "--num-prompts",
                str(len(prompts)),
                "--disable-shuffle",
            ),
            *("--ignore-eos", "--temperature", "0", "--disable-tqdm", "--ready-check-timeout-sec", "0"),
            *("--save-result", "--save-detailed", "--result-filename", str(result_path), *options),
        ]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [sys.executable, "-c", _SERVE, *arguments], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr[-2000:]
        result: dict[str, Any] = json.loads(result_path.read_text())
    assert result["completed"] == len(prompts), result["errors"]
    return result
