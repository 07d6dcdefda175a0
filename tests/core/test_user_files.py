"""Every scenario's files are read by one reader, byte for byte, and as they are now."""

import bz2
import gzip
import os
import time

import numpy as np
import pyarrow as pa
import pytest

from infraray import InfrarayError
from infraray.csv_file import csv_rows
from infraray.file_content import SETTLED_NS
from infraray.scenarios.abr.chunks import load_video
from infraray.scenarios.abr.trace_files import load_trace as load_throughput
from infraray.scenarios.caching.traces import read_trace
from infraray.scenarios.load_balance.jobs import load_trace as load_jobs


def cached_sizes(path):
    return read_trace(str(path), "csv").sizes.tolist()


def job_sizes(path):
    return load_jobs(str(path)).sizes.tolist()


def rates(path):
    return load_throughput(str(path)).rates.tolist()


def video(path):
    return (load_video(str(path), 2)[:, 0] / (8 / 1e6)).tolist()


READERS = {
    "caching": (cached_sizes, b"key,size\na,%d\nb,5\n", 5),
    "load_balance": (job_sizes, b"arrival_s,size\n0,%d\n1,5\n", 5),
    "abr trace": (rates, b"0,0\n1,%d\n2,5\n", 5),
    "abr video": (video, b"%d,9\n5,9\n", 5),
}
COMPRESSIONS = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".GZ": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}

every_reader = pytest.mark.parametrize("read, form, last", READERS.values(), ids=READERS)


@every_reader
@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_compressed_files_are_read(tmp_path, read, form, last, ending):
    path = tmp_path / f"file.csv{ending}"
    path.write_bytes(COMPRESSIONS[ending](form % 3))
    assert read(path) == [3, last]


@every_reader
def test_byte_order_mark_quotes_line_ends_and_capitals_change_nothing(tmp_path, read, form, last):
    path = tmp_path / "file.csv"
    plain = form % 3
    quoted = b"\n".join(b",".join(b'"%s"' % cell for cell in line.split(b",")) for line in plain.split(b"\n") if line)
    for content in (
        b"\xef\xbb\xbf" + plain,
        plain.replace(b"\n", b"\r\n"),
        plain.replace(b"\n", b"\r"),
        plain.replace(b"\n", b"\n\n"),
        plain.rstrip(b"\n"),
        quoted,
        b"\xef\xbb\xbf" + quoted.upper(),
        plain.replace(b"size", b" Size ").replace(b"key", b"KEY").replace(b"arrival", b"Arrival"),
    ):
        path.write_bytes(content)
        assert read(path) == [3, last], content


@every_reader
def test_file_that_was_rewritten_counts_as_what_it_is_now(tmp_path, read, form, last):
    path = tmp_path / "file.csv"
    long_ago = time.time_ns() - 10 * SETTLED_NS
    for size in (3, 4, 7, 3, 8):
        path.write_bytes(form % size)
        os.utime(path, ns=(long_ago, long_ago))  # the same length and time of modification
        assert read(path) == [size, last]
        assert read(path) == [size, last]


@every_reader
def test_file_that_was_rewritten_much_later_counts_as_what_it_is_now(tmp_path, read, form, last, monkeypatch):
    """Also where the hash was taken as known in between."""
    path = tmp_path / "file.csv"
    path.write_bytes(form % 3)
    monkeypatch.setattr("infraray.file_content.SETTLED_NS", -1)
    assert read(path) == read(path) == [3, last]
    time.sleep(0.02)  # more than a tick of the file system's clock
    path.write_bytes(form % 4)
    assert read(path) == [4, last]
    replacement = tmp_path / "other.csv"
    replacement.write_bytes(form % 6)
    replacement.rename(path)
    assert read(path) == [6, last]


@every_reader
def test_file_that_was_deleted_is_told(tmp_path, read, form, last):
    path = tmp_path / "file.csv"
    path.write_bytes(form % 3)
    assert read(path) == [3, last]
    path.unlink()
    with pytest.raises(InfrarayError, match=r"file\.csv: cannot be read") as told:
        read(path)
    assert "\n" not in str(told.value)


@every_reader
def test_file_in_the_same_words_at_another_place_is_named_by_its_own_path(tmp_path, read, form, last):
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_bytes(form[: form.rindex(b"\n", 0, -1) + 1] % 3 + b"x\n")
        with pytest.raises(InfrarayError, match=rf"{name}:\d+: "):
            read(tmp_path / name)


@every_reader
def test_compressed_file_without_its_ending_is_told(tmp_path, read, form, last):
    path = tmp_path / "file.csv"
    path.write_bytes(gzip.compress(form % 3))
    with pytest.raises(InfrarayError, match=r"cannot be read .*gzip"):
        read(path)


@every_reader
def test_open_quote_is_told_where_it_begins(tmp_path, read, form, last):
    path = tmp_path / "file.csv"
    first, *rest = (form % 3).splitlines(keepends=True)
    path.write_bytes(b"".join([first, b'"', *rest]))
    with pytest.raises(InfrarayError, match=r"file\.csv:2: "):
        read(path)


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_lines_end_at_line_ends_only(separator):
    content = f"key,size\na{separator}b,1\nc,2\n".encode()
    assert list(csv_rows("f", content)) == [(1, ["key", "size"]), (2, [f"a{separator}b", "1"]), (3, ["c", "2"])]


@pytest.mark.parametrize("trace_format", ["csv", "twitter", "wikimedia"])
def test_objects_that_differ_in_a_byte_differ(tmp_path, trace_format):
    keys = [bytes([high, low]) for high in (0x80, 0xC3, 0xFE, 0xFF) for low in range(0x80, 0x100)]
    head, line = {
        "csv": (b"key,size\n", b"%s,1\n"),
        "twitter": (b"", b"0,%s,1,1,0,get,0\n"),
        "wikimedia": (b"", b"0\t%s\t1\t0.1\n"),
    }[trace_format]
    path = tmp_path / "trace"
    path.write_bytes(head + b"".join(line % key for key in [*keys, *keys]))
    numbers = read_trace(str(path), trace_format).keys
    assert len(np.unique(numbers)) == len(keys)
    np.testing.assert_array_equal(numbers[: len(keys)], numbers[len(keys) :])


def test_twitter_sizes_are_key_and_value_and_reads_of_nothing_are_left_out(tmp_path):
    path = tmp_path / "trace"
    path.write_bytes(b"0,a,8,2,1,get,0\n0,b,0,5,1,gets,0\n0,c,9,0,1,get,0\n0,d,0,0,1,gets,0\n0,e,1,1,1,set,60\n")
    assert read_trace(str(path), "twitter").sizes.tolist() == [10, 5]


def test_column_that_stands_twice_in_a_header_is_refused(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("key,size,Size\na,1,2\n")
    with pytest.raises(InfrarayError, match=r"trace\.csv:1: the header names size twice"):
        read_trace(str(path), "csv")
