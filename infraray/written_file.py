"""A user's request: a YAML file, flags, or a file with flags in place of some of its fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, PrivateAttr, ValidationError

from infraray.errors import InfrarayError, explain_validation
from infraray.strict import StrictModel
from infraray.yaml_file import Place, Where, nowhere, read_yaml


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Args:
        name: what it describes.
        told_by: the field that all files of this kind have, and none of another.
        command: the command that takes it.
    """

    name: str
    told_by: str
    command: str


RUN = FileKind("run", "scenarios", "infraray run")
STUDY = FileKind("study", "scenario", "infraray search")
PROBE = FileKind("probe", "probe", "infraray probe")
TRAINING = FileKind("training", "model", "infraray train")


class WrittenFile(StrictModel):
    """Base of runs, studies, probes and trainings as a person writes them."""

    kind: ClassVar[FileKind]

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    imports: list[str] = Field(default=[])
    _where: Where = PrivateAttr(default_factory=lambda: nowhere)

    @classmethod
    def of(cls, given: Self | Mapping[str, Any] | str | Path) -> Self:
        """What was asked for, in any form in which it may be given: as it is, as a mapping, or as a file's path.

        Raises:
            InfrarayError: see `load` and `parse`.
        """
        if isinstance(given, WrittenFile):
            return given
        return cls.parse(given) if isinstance(given, Mapping) else cls.load(given)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a YAML file.

        Raises:
            InfrarayError: one line per mistake, each with the file, the line, the field, the value and the fix.
        """
        data, where = read_yaml(path, f"'{cls.kind.told_by}'")
        for other in (RUN, STUDY, PROBE, TRAINING):
            if other is not cls.kind and other.told_by in data and cls.kind.told_by not in data:
                told = f"it has {other.told_by!r}, not {cls.kind.told_by!r}"
                raise InfrarayError(f"{path}: is a {other.name} ({told}); use '{other.command} {path}'")
        return cls.parse(data, where)

    @classmethod
    def parse(cls, data: Mapping[str, Any], where: Where = nowhere) -> Self:
        """Validates what was written; ``where`` turns the place of a mistake into the start of its line.

        Raises:
            InfrarayError: one line per mistake.
        """
        try:
            made = cls.model_validate(dict(data))
        except ValidationError as error:
            lines = [f"{where(place)}{line}" for place, line in explain_validation(error, cls)]
            raise InfrarayError("\n".join(lines)) from None
        made._where = where
        return made

    @classmethod
    def given(cls, path: Path | None, flags: Mapping[str, Any], named: Callable[[Any], str]) -> Self:
        """Reads a file, or the command line's flags, or a file with flags in place of some of its fields.

        Args:
            path: the file.
            flags: by field; those that were not given are None.
            named: makes a name if there is no file, from the field that identifies the kind.

        Raises:
            InfrarayError: as for `load`; or neither a file nor enough flags are given.
        """
        flags = {field: value for field, value in flags.items() if value is not None}
        if path is not None:
            made = cls.load(path)
            return cls.parse({**made.model_dump(), **made.merged(flags)}, command_line) if flags else made
        if cls.kind.told_by not in flags:
            verb = cls.kind.command.rpartition(" ")[2]
            raise InfrarayError(f"nothing to {verb}; give a YAML file, or --scenario and --agent")
        return cls.parse({"name": named(flags[cls.kind.told_by]), **flags}, command_line)

    def merged(self, flags: Mapping[str, Any]) -> Mapping[str, Any]:
        """Flags as whole fields; a flag for part of a field leaves its other parts as written."""
        return flags

    def nearer(self, line: str, place: Place) -> tuple[Place, str]:
        """The place that an error's line is about, at or below a given place, and the line to show for it."""
        return place, f"{'.'.join(map(str, place))}: {line}"

    @contextmanager
    def explaining(self, *place: int | str) -> Iterator[None]:
        """Puts the file, line and field before every line of an error raised inside."""
        try:
            yield
        except InfrarayError as error:
            found = [self.nearer(line, place) for line in str(error).splitlines()]
            raise InfrarayError("\n".join(f"{self._where(inner)}{line}" for inner, line in found)) from None


def command_line(place: Place) -> str:
    """The start of an error's line about what was given as flags."""
    return "command line: "
