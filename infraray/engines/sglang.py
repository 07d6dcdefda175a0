"""SGLang. Its switches are on or absent; a flag that is False is left out."""

from infraray.engines.launcher import Launcher

SGLANG = Launcher(
    name="sglang",
    command=(
        *("{python}", "-m", "sglang.launch_server"),
        *("--model-path", "{model}", "--host", "{host}", "--port", "{port}"),
        # What a request does not say is left alone: no penalty or top-p of the model's generation_config.json.
        *("--sampling-defaults", "openai"),
    ),
    symptoms=(
        r"Rank \d+ scheduler is dead",
        r"EOFError",
        r"Initialization failed\. Please see the error messages above",
        r"BrokenPipeError",
    ),
    caches=("SGLANG_CACHE_DIR", "SGLANG_DG_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
)
