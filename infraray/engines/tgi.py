"""Text Generation Inference: a program on the PATH, no Python package; in a container, the user gives the command."""

from infraray.engines.launcher import Launcher

TGI = Launcher(
    name="tgi",
    command=("text-generation-launcher", "--model-id", "{model}", "--hostname", "{host}", "--port", "{port}"),
    symptoms=(r"ShardCannotStart", r"Shard \d+ failed to start", r"WebserverFailed"),
)
