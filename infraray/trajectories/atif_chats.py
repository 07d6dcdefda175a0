"""Turns ATIF documents of any harness into chats for fine-tuning.

`python -m infraray.trajectories.atif_chats FOLDER --out chats.jsonl` reads every document below a folder, such as the
``agent/trajectory.json`` of Harbor's trials, and writes what `infraray export --to chat` writes of our own episodes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from infraray.errors import InfrarayError
from infraray.folders import named_path
from infraray.trajectories.exporters.chat_files import ChatFile

METADATA = ("episode_id", "agent", "score")
_ROLES = {"system": "system", "user": "user", "agent": "assistant"}


class _Wrong(Exception):
    """A field that breaks ATIF's rules; the text names it, its value, and what it must be."""


def chats_of_atif(folder: str | Path, out: str | Path) -> str:
    """Writes the chats of all ATIF documents below a folder.

    Args:
        folder: where they are; a JSON file that is none is left out.
        out: the file; JSONL, or Parquet if its name ends in ``.parquet``.

    Returns:
        One line that says how many there were.

    Raises:
        InfrarayError: there are none, one breaks ATIF's rules, or the file cannot be written.
    """
    root, target = named_path("FOLDER", folder), named_path("--out", out)
    if not root.is_dir():
        raise InfrarayError(f"{folder}: is no folder; give one that holds ATIF documents")
    file, count, left_out, done = ChatFile(target, METADATA), 0, 0, False
    try:
        for path in sorted(root.rglob("*.json")):
            document = _read(path)
            if document is None:
                left_out += 1
                continue
            try:
                file.write(_chat(document))
            except _Wrong as error:
                raise InfrarayError(f"{path}: {error}") from None
            count += 1
        if not count:
            raise InfrarayError(f'{folder}: holds no ATIF document: a JSON object with "schema_version": "ATIF-v1.x"')
        done = True
    finally:
        file.close(keep=done)
    others = f"; {left_out} other JSON files left out" if left_out else ""
    return f"{count} chats written to {target}{others}"


def messages_of_atif(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a document as messages of a chat, with tools' outputs as messages of their own.

    Raises:
        InfrarayError: it breaks ATIF's rules.
    """
    try:
        return list(_messages(document))
    except _Wrong as error:
        raise InfrarayError(f"ATIF: {error}") from None


def _read(path: Path) -> dict[str, Any] | None:
    """A document, or None if a file holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be read ({error.strerror or error})") from None
    is_atif = isinstance(found, dict) and str(found.get("schema_version")).startswith("ATIF-v1.")
    return found if is_atif else None


def _chat(document: Mapping[str, Any]) -> dict[str, Any]:
    agent, extra = document.get("agent"), document.get("extra")
    if not isinstance(agent, Mapping) or not isinstance(agent.get("name"), str):
        raise _Wrong(f"agent={_shown(agent)}: must be an object with a name")
    line: dict[str, Any] = {"messages": list(_messages(document))}
    if agent.get("tool_definitions"):
        line["tools"] = json.dumps(agent["tool_definitions"], ensure_ascii=False)
    identity = document.get("trajectory_id") or document.get("session_id")
    score = extra.get("score") if isinstance(extra, Mapping) else None
    line["metadata"] = {
        "episode_id": None if identity is None else str(identity),
        "agent": agent["name"],
        "score": float(score) if _is_number(score) else None,
    }
    return line


def _messages(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps:
        raise _Wrong(f"steps={_shown(steps)}: must be a list of at least one step")
    for number, step in enumerate(steps):
        place = f"steps[{number}]"
        if not isinstance(step, Mapping) or step.get("source") not in [*_ROLES]:
            raise _Wrong(f"{place}={_shown(step)}: must have a source: system, user or agent")
        message: dict[str, Any] = {
            "role": _ROLES[step["source"]],
            "content": _text(step.get("message"), f"{place}.message"),
        }
        calls = [_call(call, f"{place}.tool_calls") for call in _objects(step, "tool_calls", place)]
        if calls:
            message["tool_calls"] = calls
        yield message
        observation = step.get("observation")
        if observation is None:
            continue
        if not isinstance(observation, Mapping):
            raise _Wrong(f"{place}.observation={_shown(observation)}: must be an object with results")
        known = [call["id"] for call in calls]
        for result in _objects(observation, "results", f"{place}.observation"):
            content = _text(result.get("content"), f"{place}.observation.results.content")
            if result.get("source_call_id") in known:
                yield {"role": "tool", "tool_call_id": result["source_call_id"], "content": content}
            else:
                yield {"role": "user", "content": content}


def _call(call: Mapping[str, Any], place: str) -> dict[str, Any]:
    name, identity = call.get("function_name"), call.get("tool_call_id")
    if not isinstance(name, str) or not isinstance(identity, str):
        raise _Wrong(f"{place}={_shown(call)}: must have a function_name and a tool_call_id, both text")
    arguments = json.dumps(call.get("arguments") or {}, ensure_ascii=False)
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def _is_number(score: Any) -> TypeGuard[float]:
    """JSON knows integers that are larger than any float."""
    return isinstance(score, int | float) and not isinstance(score, bool) and not abs(score) > sys.float_info.max


def _objects(of: Mapping[str, Any], name: str, place: str) -> list[Mapping[str, Any]]:
    found = of.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise _Wrong(f"{place}.{name}={_shown(found)}: must be a list of objects")
    return found


def _text(content: Any, place: str) -> str:
    """Text, or the texts among the parts of a content with pictures."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    raise _Wrong(f"{place}={_shown(content)}: must be text or a list of parts")


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < 100 else f"{shown[:100]}..."


def main() -> int:
    """Writes the chats and says how many."""
    parser = argparse.ArgumentParser(prog="python -m infraray.trajectories.atif_chats", description=__doc__)
    parser.add_argument("folder", help="where ATIF documents are, at any depth")
    parser.add_argument("--out", required=True, help="the file: JSONL, or Parquet if its name ends in .parquet")
    given = parser.parse_args()
    try:
        print(chats_of_atif(given.folder, given.out))
    except InfrarayError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
