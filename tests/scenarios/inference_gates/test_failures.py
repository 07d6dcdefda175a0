"""Failures are classed by what engines themselves say."""

import pytest

from infraray.scenarios.inference.failures import (
    ENGINE,
    FailureClass,
    FailureMode,
    RunTrace,
    classify,
    failure_modes,
)
from infraray.scenarios.inference.scoring import SubmissionStatus

WHO = "engine vllm (vllm /models/m): did not start: "


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (f"{WHO}torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "resource_exhausted"),
        (
            f"{WHO}ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` "
            "when initializing the engine",
            "resource_exhausted",
        ),
        (
            f"{WHO}ValueError: To serve at least one request with the model's max seq len (131072), (16.0 GiB KV "
            "cache is needed, which is larger than the available KV cache memory (9.1 GiB).",
            "resource_exhausted",
        ),
        (
            f"{WHO}ValueError: Free memory on device cuda:0 (10/79 GiB) on startup is less than desired GPU memory "
            "utilization (0.95, 75 GiB). Decrease GPU memory utilization",
            "resource_exhausted",
        ),
        (f"{WHO}exit status 137, last line: loading (killed; was memory short?)", "resource_exhausted"),
        (f"{WHO}RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.", "resource_exhausted"),
        (f"{WHO}OSError: [Errno 28] No space left on device", "resource_exhausted"),
        (f"{WHO}unrecognized arguments: --frobnicate 3", "incompatible_flags"),
        (f"{WHO}argument --block-size: invalid choice: 48 (choose from 1, 8, 16, 32)", "incompatible_flags"),
        (f"{WHO}ValidationError: User-specified max_model_len (999999) is greater", "incompatible_flags"),
        (f"{WHO}NotImplementedError: FP8 KV cache is not supported with this backend", "incompatible_flags"),
        (f"{WHO}AssertionError: chunked prefill cannot be combined with it", "incompatible_flags"),
        (f"{WHO}ValueError: max_num_batched_tokens (1024) must be >= max_num_seqs (2048)", "incompatible_flags"),
        (f"{WHO}ValueError: FLASH_ATTN requires compute capability 8.0", "incompatible_flags"),
        ("engine vllm (vllm m): not ready after 300 s (ready_timeout_s): compiling", "start_timeout"),
        (f"{WHO}exit status 1, it printed nothing", "start_failed"),
        (f"{WHO}ImportError: libcudart.so.12: cannot open shared object file", "start_failed"),
        ("the server died: RuntimeError: CUDA error: an illegal memory access was encountered", "server_died"),
        ("the server died: torch.OutOfMemoryError: CUDA out of memory.", "resource_exhausted"),
        ("3 of 64 requests failed: 3 timeout", "requests_failed"),
        ("no request succeeded", "requests_failed"),
    ],
)
def test_an_engines_own_reason_decides_the_class(failure, kind):
    assert classify(failure) is FailureClass(kind)


def launches(*flags):
    return [{ENGINE: "vllm", **one} for one in flags]


@pytest.mark.parametrize(
    ("run", "modes"),
    [
        (RunTrace(launches({}), SubmissionStatus.PASSED, False, 0), {"first_working_config"}),
        (RunTrace(launches({}, {"a": 1}, {"a": 1}), SubmissionStatus.PASSED, False, 0), {"first_working_config"}),
        (RunTrace(launches({"a": 1}, {"a": 2}), SubmissionStatus.PASSED, False, 0), set()),
        (RunTrace(launches({"a": 1}), SubmissionStatus.QUALITY_FAILED, True, 0), {"quality_gate_failure"}),
        (
            RunTrace(launches({"a": 1}, {"a": 2}, {"b": 3}), SubmissionStatus.QUALITY_FAILED, True, 1),
            {"quality_gate_failure", "multi_variable_edits", "integrity_trigger"},
        ),
        # A check that was not complete is no failure of the quality.
        (RunTrace((), SubmissionStatus.QUALITY_FAILED, False, 0), set()),
        (RunTrace((), SubmissionStatus.SERVER_FAILED, False, 0), {"server_failed_to_start"}),
    ],
)
def test_modes_are_those_of_the_papers_table(run, modes):
    assert failure_modes(run) == {FailureMode(mode) for mode in modes}
