"""Reading and recording traces."""

import gzip
import hashlib
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import infraray
from infraray import InfrarayError
from infraray.scenarios.caching.traces import RECORDED_TRACE, read_trace
from infraray.scenarios.caching.traces.record import read_strace, record

FORMATS = {
    "csv": b"time,key,size\n0,a,10\n1,b,20\n\n2,a,10\n",
    "oracle_general": b"".join(
        struct.pack("<IQIq", *request) for request in [(0, 2**63 + 5, 10, 2), (1, 7, 20, -1), (2, 2**63 + 5, 10, -1)]
    ),
    "twitter": b"0,nz:u:a,8,2,1,get,0\n0,nz:u:a,8,2,1,set,60\n1,q,8,12,1,gets,0\n2,nz:u:a,8,2,1,get,0\n",
    "wikimedia": b"relative_unix\thashed_path_query\timage_type\tresponse_size\ttime_firstbyte\n"
    b"0\t-55\tjpeg\t10\t0.1\n1\t7\tpng\t20\t0.1\n2\t-55\tjpeg\t10\t0.1\n",
}


@pytest.mark.parametrize("trace_format", FORMATS)
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_format_is_read(tmp_path, trace_format, ending):
    path = tmp_path / f"trace{ending}"
    content = FORMATS[trace_format]
    compressed = {"": lambda: content, ".gz": lambda: gzip.compress(content)}.get(
        ending, lambda: pa.compress(content, codec="zstd", asbytes=True)
    )()
    path.write_bytes(compressed)
    keys, sizes = read_trace(str(path), trace_format)
    assert sizes.tolist() == [10, 20, 10]
    assert keys[0] == keys[2] != keys[1]


def test_csv_columns_are_found_by_name(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text('Size, key ,comment\n5,"x,y",hello\n0,z,\n')
    assert read_trace(str(path), "csv").sizes.tolist() == [5, 1]


def test_wikimedia_text_data_has_four_columns_and_may_lack_its_header(tmp_path):
    path = tmp_path / "trace.tsv"
    path.write_text("0\t-55\t10\t0.1\n1\t7\t20\t0.1\n")
    assert read_trace(str(path), "wikimedia").sizes.tolist() == [10, 20]


@pytest.mark.parametrize(
    "trace_format, content, message",
    [
        ("csv", b"", "holds no requests"),
        ("csv", b"time,key,size\n", "holds no requests"),
        ("csv", b"a,b,c\n0,1,2\n", r"trace:1: the first line must be a header with key and size"),
        ("csv", b"time,key,size\n0,a,10\n1,b,much\n", r"trace:3: size 'much' is not a whole number"),
        ("csv", b"time,key,size\n0,a,-1\n", r"trace:2: size -1 is not from 0"),
        ("csv", b"time,key,size\n0,a\n", r"trace:2: holds 2 columns where 3 are needed"),
        ("csv", b"\x00\xff\xfe" * 30, r"trace:1: "),
        ("oracle_general", b"x" * 25, "ends in the middle of request 2"),
        ("twitter", b"0,a,8,2,1,get\n", r"trace:1: holds 6 columns"),
        ("twitter", b"0,a,8,x,1,get,0\n", r"trace:1: size 'x'"),
        ("wikimedia", b"0 -55 10 0.1\n", r"trace:1: holds 1 tab-separated columns"),
    ],
)
def test_bad_file_is_refused_with_its_line(tmp_path, trace_format, content, message):
    path = tmp_path / "trace"
    path.write_bytes(content)
    with pytest.raises(InfrarayError, match=message) as error:
        read_trace(str(path), trace_format)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name, content", [("absent.csv", None), ("broken.csv.gz", b"no gzip at all")])
def test_unreadable_file_is_named(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InfrarayError, match=f"{name}.*cannot be read") as error:
        read_trace(str(path), "csv")
    assert "\n" not in str(error.value)


def test_task_plays_a_window_of_the_users_trace(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("time,key,size\n" + "".join(f"{i},k{i % 7},{10 + i % 7}\n" for i in range(100)))
    env = infraray.make(
        "caching", workload="trace", trace=str(path), warmup_requests=5, scored_requests=20, capacity_bytes=1000
    )
    starts = set()
    for seed in range(30):
        env.reset(seed=seed)
        assert len(env.requests.keys) == 25
        starts.add(int(env.requests.sizes[0]))
    assert starts == set(range(10, 17))
    assert list(env.parameters.files()) == [str(path)]


def test_trace_shorter_than_an_episode_is_refused(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_text("key,size\na,1\n")
    env = infraray.make("caching", workload="trace", trace=str(path))
    with pytest.raises(InfrarayError, match="holds 1 requests, but 1200 are needed"):
        env.reset(seed=0)


def test_recorded_trace_is_what_its_description_says():
    readme = RECORDED_TRACE.with_name("README.md").read_text()
    content = RECORDED_TRACE.read_bytes()
    assert len(content) < 300_000
    assert hashlib.sha256(content).hexdigest() in readme
    keys, sizes = read_trace(str(RECORDED_TRACE), "csv")
    assert f"{len(keys):,} requests for {len(np.unique(keys)):,} files" in readme
    assert sizes.max() == pytest.approx(200e6, rel=0.01)


STRACE = """\
10 100.000001 openat(AT_FDCWD</home>, ""..., O_RDONLY|O_CLOEXEC) = 3</home/a.h>
10 100.000002 newfstatat(3</home/a.h>, ""..., {st_dev=makedev(0, 1), st_mode=S_IFREG|0644, st_size=42}, 0) = 0
10 100.000003 openat(AT_FDCWD</home>, ""..., O_RDONLY) = -1 ENOENT (No such file or directory)
10 100.000004 openat(AT_FDCWD</home>, ""..., O_WRONLY|O_CREAT, 0666) = 3</home/out.o>
10 100.000005 fstat(3</home/out.o>, {st_mode=S_IFREG|0644, st_size=0}) = 0
10 100.000006 openat(AT_FDCWD</home>, ""..., O_RDONLY|O_DIRECTORY) = 4</home/dir>
10 100.000007 fstat(4</home/dir>, {st_mode=S_IFDIR|0755, st_size=4096}) = 0
10 100.000008 openat(AT_FDCWD</home>, ""..., O_RDONLY <unfinished ...>
11 100.000009 openat(AT_FDCWD</home>, ""..., O_RDONLY) = 3</home/b.h>
10 100.000010 <... openat resumed>) = 5</home/c.h>
11 100.000011 fstat(3</home/b.h>, {st_mode=S_IFREG|0644, st_size=7}) = 0
10 100.000012 fstat(5</home/c.h>, {st_mode=S_IFREG|0644, st_size=8}) = 0
10 100.000013 fstat(5</home/c.h>, {st_mode=S_IFREG|0644, st_size=8}) = 0
10 100.000014 +++ exited with 0 +++
"""


def test_strace_output_is_understood():
    requests = [(path, size) for _, path, size in read_strace(STRACE.splitlines(keepends=True))]
    assert requests == [("/home/a.h", 42), ("/home/b.h", 7), ("/home/c.h", 8)]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_recording_a_command_gives_a_trace_that_can_be_read(tmp_path):
    out = tmp_path / "trace.csv.gz"
    count = record([sys.executable, "-c", "import json"], out)
    assert count > 0 and len(read_trace(str(out), "csv").keys) == count
    assert str(Path(sys.executable).parent).encode() not in gzip.decompress(out.read_bytes())
