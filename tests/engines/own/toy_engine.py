"""A user's file: a kind of engine of their own, with all that infraray has to know of it."""

from pathlib import Path

from infraray.engines import EngineKind, LaunchSpace, register_engine
from infraray.space import Categorical, SearchSpace

SERVER = Path(__file__).resolve().with_name("toy_server.py")


def words(max_tokens):
    return SearchSpace("toy", 1, (Categorical("word", ("one", "two"), default="one"),))


class Toy(EngineKind):
    """Says one word."""

    command = ("{python}", "-P", str(SERVER), "--model", "{model}", "--host", "{host}", "--port", "{port}")
    launch_spaces = (LaunchSpace("", "all", words),)


register_engine("toy", Toy)
