"""A study's folder: what it holds has to be the same study."""

from pathlib import Path

import pytest

from infraray.errors import InfrarayError
from infraray.tune.search import search

STUDY = {
    "name": "bowls",
    "scenario": "bowls",
    "imports": [str(Path(__file__).with_name("bowls.py"))],
    "searcher": "random",
    "budget": {"trials": 1},
    "seeds": 1,
    "evaluation_seeds": "100:101",
}


@pytest.mark.parametrize("content", ["[1]", '{"study": [1]}', "{}", "null", "3", "{broken", "\udcff"])
def test_a_manifest_of_something_else_is_refused_in_one_line(content: str, tmp_path: Path) -> None:
    manifest = tmp_path / "run.json"
    manifest.write_bytes(content.encode(errors="surrogateescape"))
    (tmp_path / "trials.jsonl").touch()
    with pytest.raises(InfrarayError) as refused:
        search(STUDY, tmp_path, quiet=True)
    assert str(refused.value) == f"{manifest}: does not describe a study; choose another --out"
