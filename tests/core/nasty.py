"""Exceptions as no code should raise them, by name, for the tests of what a user's code may do."""

import asyncio

import infraray


class Panic(BaseException):
    """As pyo3 turns a Rust panic into one."""


class NoText(Exception):
    def __str__(self):
        raise RuntimeError("no text either")


class ExitingText(Exception):
    def __str__(self):
        raise SystemExit(0)


class WrongText(Exception):
    def __str__(self):
        return 7

    __repr__ = __str__


class OwnKindOfText(Exception):
    def __str__(self):
        class Text(str):
            def split(self, *_):
                raise Panic("split")

            __getitem__ = __len__ = __format__ = encode = split

        return Text("hidden")


class EndlessText(Exception):
    def __str__(self):
        while True:
            pass


class Liar(Exception):
    @property
    def __class__(self):
        raise Panic("no class")


class TheirOwn(infraray.InfrarayError):
    def __str__(self):
        raise Panic("no line")


Nameless = type("Two\nlines \x1b[31m", (Exception,), {"__module__": "nowhere"})


def nasty() -> dict[str, BaseException]:
    """A fresh exception of each kind."""
    return {
        "panic": Panic("index out of bounds"),
        "cancelled": asyncio.CancelledError("by the agent"),
        "generator exit": GeneratorExit("no generator"),
        "interrupt": KeyboardInterrupt("nobody pressed it"),
        "exit 0": SystemExit(0),
        "exit": SystemExit("enough"),
        "stop": StopIteration("no more"),
        "stop async": StopAsyncIteration("no more"),
        "no text": NoText(),
        "exiting text": ExitingText(),
        "wrong text": WrongText(),
        "own text": OwnKindOfText(),
        "endless text": EndlessText(),
        "liar": Liar("me"),
        "their own": TheirOwn("x"),
        "ours with theirs inside": infraray.InfrarayError(NoText()),
        "half a character": ValueError("half \ud800 and \udfff"),
        "control characters": KeyError("nul \0 bell \a escape \x1b[31m"),
        "long": OverflowError("a" * 10_000_000),
        "lines": TypeError("one\ntwo\r\nthree\u2028four\x85five"),
        "nameless": Nameless("half"),
        "group": BaseExceptionGroup("several", [Panic("one"), ValueError("two")]),
        "memory": MemoryError(),
        "recursion": RecursionError("maximum depth"),
        "unicode": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
        "import": ImportError("cannot import name \ud800"),
        "syntax": SyntaxError("bad", ("a\0b.py", 3, 1, "\ud800", 3, 2)),
        "os": OSError(5, "Input/output \udc80", "\udcff.csv"),
        "assertion": AssertionError(),
    }
