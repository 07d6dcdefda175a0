"""The load of benchmarks/harness.py with verifiers: `verifiers_evaluation.py URL REQUESTS CONCURRENCY`."""

import sys
from pathlib import Path

import verifiers as vf
from datasets import Dataset


def right(completion: vf.Messages, answer: str) -> float:
    """Whether the guess was right."""
    return float(completion[-1]["content"].strip() == answer)


def main(url: str, requests: int, concurrency: int) -> None:
    """Evaluates as many examples as requests and saves the results."""
    examples = [{"question": f"Guess {number}: 0 or 1?", "answer": str(number % 2)} for number in range(requests)]
    environment = vf.SingleTurnEnv(dataset=Dataset.from_list(examples), rubric=vf.Rubric(funcs=[right]))
    environment.evaluate_sync(
        vf.ClientConfig(api_base_url=url, api_key_var="API_KEY"),
        "m",
        max_concurrent=concurrency,
        results_path=Path("results"),
        save_results=True,
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
