"""vLLM, by its module: the console script of the CPU distribution looks for another name and fails."""

from infraray.engines.launcher import Launcher

VLLM = Launcher(
    name="vllm",
    command=(
        *("{python}", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", "{model}", "--host", "{host}", "--port", "{port}"),
        # What a request does not say is left alone: no penalty, top-p or length of the model's generation_config.json.
        *("--generation-config", "vllm"),
    ),
    false_flag="--no-{flag}",
    symptoms=(
        r"Engine core initialization failed",
        r"Engine core proc \S+ died",
        r"WorkerProc initialization failed",
        r"cancelled|CancelledError",
        r"EngineDeadError",
    ),
    preload=(
        "vllm.entrypoints.openai.api_server",
        "vllm.v1.engine.async_llm",
        "vllm.v1.engine.core",
        "vllm.v1.executor.multiproc_executor",
        "vllm.v1.executor.uniproc_executor",
        "vllm.v1.worker.gpu_worker",
        "vllm.v1.worker.gpu_model_runner",
        "vllm.model_executor.model_loader",
        "vllm.model_executor.models.transformers",
        "torch._inductor.compile_fx",
    ),
    caches=("VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
)
