"""What is shown of a command's output can harm neither a terminal nor a page."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infraray.isolation.output import printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain\ttext\n", "plain\ttext\n"),
        ("Grüße, 世界 🙂".encode(), "Grüße, 世界 🙂"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07text", "text"),
        (b"\x1b]52;c;b3duZWQ=\x1b\\text", "text"),
        (b"\x1bP1$r0m\x1b\\text", "text"),
        (b"\x1b_G...\x1b\\text", "text"),
        (b"\x1b(B\x1b)0\x1bctext", "text"),
        (b"10%\r20%\r\n30%\n", "10%\n20%\n30%\n"),
        (b"ab\x08\x08\x08cd\x07\x00\x7f", "abcd"),
        (b"\x1b\x1b[31m\x1b", ""),
        (b"\xc2\x9b31mtext", "text"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
        ("user\u202egnp.exe\u2066".encode(), "usergnp.exe"),
    ],
)
def test_only_text_stays(raw: bytes, shown: str) -> None:
    assert printable(raw) == shown


@settings(database=None)
@given(st.binary(max_size=300) | st.text("\x1b[]0;m\x07\\P\x9b\x9d\r\n a\u202e", max_size=300).map(str.encode))
def test_no_control_character_stays_and_nothing_is_added(raw: bytes) -> None:
    shown = printable(raw)
    assert all(unicodedata.category(character) != "Cc" or character in "\n\t" for character in shown)
    assert len(shown) <= len(raw)
    assert printable(shown.encode()) == shown


@pytest.mark.parametrize(
    "part", ["\x1b", "\x1b[", "\x1b]", "\x1bP", "\x9b", "\x9d", "\x90", "\r", "\x1b[0;", "\x1b ", "\x1b]a\x9b"]
)
def test_time_is_linear_in_the_length(part: str) -> None:
    started = time.process_time()
    printable(part.encode() * (10**6 // len(part)))
    assert time.process_time() - started < 5
