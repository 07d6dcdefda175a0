"""Hostile commands and programs, and what must hold for each.

«pid», «file», «port», «path_socket» and «abstract» stand for things of the machine (see `host.Baits`). A program that
gets what it should not prints DONE.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any


@dataclass(frozen=True)
class Attack:
    """One attack.

    Args:
        name: what it tries.
        text: a shell command, or a Python program where it begins with ``import``.
        says: a pattern that its output must contain: the trace of its failure.
        ended: the limits that may end it; None where it ends by itself.
        limits: other limits than the tests' own.
    """

    name: str
    text: str
    says: str = ""
    ended: tuple[str | None, ...] = (None,)
    limits: dict[str, Any] = field(default_factory=dict)


def python(text: str) -> str:
    """A program as it is indented here."""
    return dedent(text).strip()


def calls(*each: str) -> str:
    """A program that makes system calls and prints their errors.

    Args:
        each: the number on x86_64, the number on aarch64, and the arguments; ``page`` is 4096 bytes of memory.
    """
    head = """
        import ctypes, errno, os
        libc = ctypes.CDLL(None, use_errno=True)
        page = ctypes.addressof(ctypes.create_string_buffer(4096))
        def call(x86_64, aarch64, *arguments):
            number = x86_64 if os.uname().machine == "x86_64" else aarch64
            result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
            print(errno.errorcode[ctypes.get_errno()] if result < 0 else "DONE")
    """
    return "\n".join([python(head), *(f"call({one})" for one in each)])


KEEPING = {
    "memory of its own": "kept.append(bytearray(10**6))",
    "shared memory": "kept.append(mmap.mmap(-1, 2**20)); kept[-1].write(b'x' * 2**20)",
}
"""What keeps a megabyte."""


def after_the_first_thread(others: int, keep: str) -> Attack:
    """A process whose first threads end, and the last one goes on.

    Args:
        others: how many end.
        keep: one of `KEEPING`.
    """
    program = f"""
        import ctypes, mmap, os, threading
        end = ctypes.c_long({{"x86_64": 60, "aarch64": 93}}[os.uname().machine])
        def exit(): ctypes.CDLL(None).syscall(end, 0)
        def go_on():
            kept = []
            while True:
                {KEEPING[keep]}
        for _ in range({others - 1}):
            threading.Thread(target=exit).start()
        threading.Thread(target=go_on).start()
        exit()
    """
    return Attack(f"{keep} after the end of {others} threads", python(program), ended=("memory",))


def mappings(split: str) -> str:
    """A program whose many forks have many mappings.

    Args:
        split: makes one more by changing ``page``.
    """
    head = """
        import ctypes, mmap, os, time
        libc = ctypes.CDLL(None)
        kept = mmap.mmap(-1, 4096 * 60000, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(kept))
        libc.mprotect.argtypes = ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int
        libc.munmap.argtypes = ctypes.c_size_t, ctypes.c_size_t
    """
    tail = """
        for _ in range(30):
            if not os.fork():
                time.sleep(60)
        time.sleep(60)
    """
    return "\n".join([python(head), f"for page in range(1, 60000, 2): {split}", python(tail)])


DENIED = "Operation not permitted|Permission denied|Read-only file system"

RESOURCES = [
    Attack(
        "fork bomb",
        "b() { b | b & }; b; while :; do sleep 1; done",
        ended=("processes", "time"),
        limits={"wall_s": 2.0},
    ),
    Attack(
        "fork bomb in Python",
        python("""
            import os
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        """),
        ended=("processes",),
    ),
    Attack(
        "threads without end",
        python("""
            import threading, time
            threading.stack_size(2**16)
            while True:
                threading.Thread(target=time.sleep, args=(60,)).start()
        """),
        ended=("processes",),
    ),
    # The kernel refuses one process more whether or not the count was seen before the program gave up.
    Attack("children that nobody waits for", "import os\nwhile os.fork(): pass", ended=("processes", None)),
    Attack(
        "memory, bit by bit",
        python("""
            import os
            kept = []
            while True:
                kept.append(bytearray(10**6))
        """),
        ended=("memory",),
    ),
    Attack(
        "memory under a misleading name",
        python("""
            import ctypes
            ctypes.CDLL(None).prctl(15, b"a) R 0\\nThreads: 0", 0, 0, 0)
            kept = []
            while True:
                kept.append(bytearray(10**6))
        """),
        ended=("memory",),
    ),
    Attack("memory, at once", "import os\nbytearray(10**11)", "MemoryError"),
    Attack(
        "memory of many processes",
        python("""
            import os, time
            for _ in range(16):
                if not os.fork():
                    kept = bytearray(20 * 2**20)
                    time.sleep(60)
            time.sleep(60)
        """),
        ended=("memory",),
    ),
    Attack(
        "shared memory without a name",
        python("""
            import mmap
            kept = []
            while True:
                kept.append(mmap.mmap(-1, 2**20))
                kept[-1].write(b"x" * 2**20)
        """),
        ended=("memory",),
    ),
    Attack(
        "files in /tmp",
        "while head -c 10000000 /dev/zero >> /tmp/$((n = n + 1)); do :; done",
        "No space left",
    ),
    Attack(
        "files in /run",
        "while head -c 10000000 /dev/zero >> /run/$((n = n + 1)); do :; done",
        "No space left",
    ),
    Attack(
        "files in shared memory",
        "while head -c 10000000 /dev/zero >> /dev/shm/$((n = n + 1)); do :; done",
        "No space left",
    ),
    Attack(
        "files and memory together",
        # The shell keeps what it read: what prints it at once may be stopped for that first.
        "for a in /tmp/a /dev/shm/a; do head -c 60000000 /dev/zero > $a; done; "
        "kept=$(head -c 60000000 /dev/zero | tr '\\0' x); sleep 10",
        ended=("memory",),
    ),
    Attack(
        "empty files without end",
        python("""
            import os
            number = 0
            while True:
                os.close(os.open(f"/tmp/{number}", os.O_CREAT))
                number += 1
        """),
        ended=("memory",),
        limits={"memory_bytes": 48 * 2**20},
    ),
    Attack("files that have no name", calls("319, 279, page, 0", "447, 447, 0"), "(ENOSYS\n){2}"),
    Attack("System V shared memory", calls("29, 194, 0, 2**30, 0o1600"), "ENOSYS"),
    Attack("message queues", calls("68, 186, 0, 0o1600", "240, 180, page, 66, 0o600, 0"), "(ENOSYS\n){2}"),
    Attack("semaphores", calls("64, 190, 0, 32000, 0o1600"), "ENOSYS"),
    Attack(
        "rules of a filter for ports",
        calls("444, 444, page, 16, 0", "445, 445, 3, 2, page, 0", "446, 446, 3, 0"),
        "(ENOSYS\n){3}",
    ),
    Attack(
        "policies for pages of a file",
        calls("237, 235, page, 4096, 2, page, 8, 0", "238, 237, 2, page, 8", "450, 450, page, 4096, 0, 0"),
        "(EPERM\n){3}",
    ),
    Attack(
        "access control lists",
        python("""
            import os, struct
            mine = [struct.pack("<HHI", 2, 7, os.getuid())] * 8000
            ends = [struct.pack("<HHI", kind, 7, 2**32 - 1) for kind in (1, 4, 16, 32)]
            content = struct.pack("<I", 2) + b"".join([ends[0], *mine, *ends[1:]])
            for number in range(10_000):
                os.mkdir(f"/tmp/{number}")
                os.setxattr(f"/tmp/{number}", "system.posix_acl_access", content)
        """),
        "not supported",
        (None, "memory"),
    ),
    Attack(
        "buffers of sockets",
        python("""
            import socket
            kept = []
            while True:
                kept += socket.socketpair()
                kept[-1].setblocking(False)
                try:
                    while True:
                        kept[-1].send(b"x" * 65536)
                except BlockingIOError:
                    pass
        """),
        says="^$|Too many open files",
        ended=("memory", None),
    ),
    Attack(
        "buffers of connections",
        python("""
            import socket
            server = socket.create_server(("127.0.0.1", 0))
            kept = []
            while True:
                kept += [server.accept, socket.create_connection(server.getsockname())]
                kept[-2] = kept[-2]()
                kept[-1].setblocking(False)
                try:
                    while True:
                        kept[-1].send(b"x" * 65536)
                except BlockingIOError:
                    pass
        """),
        ended=("memory",),
    ),
    Attack(
        "page tables of empty pages",
        python("""
            import mmap
            kept = []
            while True:
                kept.append(mmap.mmap(-1, 2**28, mmap.MAP_PRIVATE, mmap.PROT_READ))
                for at in range(0, 2**28, 2**21):
                    kept[-1][at]
        """),
        "Cannot allocate memory",
    ),
    Attack("output without end", "yes", "y\ny", ("output",)),
    Attack("errors without end", "yes >&2", "y\ny", ("output",)),
    Attack("one line without end", "tr '\\0' x < /dev/zero", "xxx", ("output",)),
    Attack("output of many", "for i in 1 2 3 4 5 6; do yes & done; wait", "y\ny", ("output",)),
    Attack("a loop", "while :; do :; done", ended=("cpu",), limits={"cpu_s": 0.3}),
    Attack("a loop of commands", "while :; do /bin/true; done", ended=("cpu",), limits={"cpu_s": 0.3}),
    Attack(
        "children whose time nobody takes",
        python("""
            import os, signal
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            while True:
                if not os.fork():
                    for _ in range(3 * 10**6):
                        pass
                    os._exit(0)
                try:
                    os.wait()
                except OSError:
                    pass
        """),
        ended=("cpu",),
        limits={"cpu_s": 0.5},
    ),
    Attack("waiting for ever", "sleep 1000", ended=("time",), limits={"wall_s": 0.3}),
    Attack("reading for ever", "cat; tail -f /dev/null", ended=("time",), limits={"wall_s": 0.3}),
    Attack(
        "signals ignored",
        python("""
            import signal, time
            for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
                signal.signal(number, signal.SIG_IGN)
            while True:
                time.sleep(1)
        """),
        ended=("time",),
        limits={"wall_s": 0.4},
    ),
    Attack("stopping itself", "kill -STOP $$; echo gone on", ended=("time",), limits={"wall_s": 0.3}),
    Attack(
        "open files",
        "import os\nkept = []\nwhile True: kept.append(os.open('/dev/null', os.O_RDONLY))",
        "Too many open files",
    ),
    Attack(
        "pipes",
        python("""
            import os
            kept = []
            while True:
                kept.append(os.pipe())
                os.write(kept[-1][1], b"x" * 4096)
        """),
        "Too many open files",
    ),
    Attack("a big file", "head -c 100000000 /dev/zero > /tmp/a; echo $?", "153|File size limit"),
    Attack("a big file at the end", "exec head -c 100000000 /dev/zero > /tmp/a", ended=("file_size",)),
    Attack("a sparse file", "truncate -s 1T /tmp/a", "File too large|limit exceeded", (None, "file_size")),
    Attack(
        "a core dump",
        "ulimit -c unlimited; cd /tmp; sh -c 'kill -SEGV $$'; ls -A /tmp; echo none",
        r"error setting limit(.*\n)*none$",
    ),
    Attack(
        "higher limits",
        "ulimit -n 9999; ulimit -v unlimited; prlimit --pid $$ --nproc=9999",
        f"(?s)error setting limit.*({DENIED})",
    ),
    Attack("a shell that calls itself", "f() { f; }; f", "^$|Segmentation fault|recursion", (None, "memory")),
    Attack("inotify watches", calls("294, 26, 0"), "ENOSYS"),
    *(after_the_first_thread(others, keep) for others in (1, 5) for keep in KEEPING),
    Attack(
        "pages that a pipe keeps",
        calls("278, 75, os.pipe()[1], page, 1, 0", "275, 76, 0, 0, 1, 0, 1, 0", "276, 77, 0, 1, 1, 0"),
        "(ENOSYS\n){3}",
    ),
    Attack("larger pipes", "import fcntl, os\nfcntl.fcntl(os.pipe()[1], 1031, 2**20)", "PermissionError"),
    Attack(
        "pipes of many processes",
        python("""
            import os, time
            for _ in range(8):
                if not os.fork():
                    for number in range(120):
                        os.write(os.pipe2(os.O_NONBLOCK)[1], b"x" * 65536)
                    time.sleep(60)
            time.sleep(60)
        """),
        ended=("memory",),
        limits={"memory_bytes": 56 * 2**20},
    ),
    Attack(
        "pipes of processes that hide",
        python("""
            import ctypes, os, time
            for _ in range(6):
                if not os.fork():
                    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
                    for number in range(200):
                        reading, writing = os.pipe2(os.O_NONBLOCK)
                        os.write(writing, b"x" * 65536)
                        os.close(reading)
                    time.sleep(60)
            time.sleep(60)
        """),
        ended=("memory",),
        limits={"memory_bytes": 56 * 2**20},
    ),
    Attack(
        "pipes with names",
        python("""
            import os, time
            for child in range(8):
                if not os.fork():
                    for number in range(120):
                        os.mkfifo(f"/tmp/{child}-{number}")
                        os.write(os.open(f"/tmp/{child}-{number}", os.O_RDWR | os.O_NONBLOCK), b"x" * 65536)
                    time.sleep(60)
            time.sleep(60)
        """),
        ended=("memory",),
        limits={"memory_bytes": 56 * 2**20},
    ),
    Attack(
        "a thread with open files of its own",
        calls("56, 220, 0x10000 | 0x800 | 0x100, 0, 0, 0, 0", "436, 436, 1000, 2000, 2"),
        "(EPERM\n){2}",
    ),
    Attack("mappings that forks copy", mappings("libc.mprotect(start + 4096 * page, 4096, 1)"), ended=("memory",)),
    Attack("holes that forks copy", mappings("libc.munmap(start + 4096 * page, 4096)"), ended=("memory",)),
    Attack(
        "memory that is shared so often that nobody can count it",
        python("""
            import mmap, os, time
            kept = mmap.mmap(-1, 140 * 2**20)
            kept.write(b"x" * len(kept))
            for _ in range(40):
                if not os.fork():
                    for at in range(0, len(kept), 4096):
                        kept[at]
                    time.sleep(60)
            time.sleep(60)
        """),
        ended=("memory",),
    ),
    Attack(
        "locks on files",
        python("""
            import fcntl, os, time
            for number in range(200):
                file = os.open(f"/tmp/{number}", os.O_RDWR | os.O_CREAT)
                for at in range(0, 400, 2):
                    fcntl.lockf(file, fcntl.LOCK_EX, 1, at)
            time.sleep(60)
        """),
        ended=("memory",),
    ),
    Attack(
        "asynchronous input and output",
        calls("206, 0, 60000, page", "209, 2, 0, 0, 0", "208, 4, 0, 0, 0, 0, 0", "333, 292, 0, 0, 0, 0, 0, 0"),
        "(ENOSYS\n){4}",
    ),
    Attack(
        "terminals without end",
        python("""
            import os, pty, time
            for _ in range(8):
                if not os.fork():
                    for number in range(100):
                        pty.openpty()
                    time.sleep(60)
            time.sleep(60)
        """),
        ended=("processes",),
    ),
]

PROCESSES = [
    Attack(
        "kill the first process",
        "kill -9 1; kill -STOP 1; kill -TERM 1; sleep 0.1; echo still here",
        "still here",
    ),
    Attack("kill everything", "kill -9 -1; kill -9 -- -1; echo sent", "sent"),
    Attack("kill its parent", "kill -9 $PPID; sleep 0.1; echo still here", "still here"),
    Attack("kill the caller", "kill -9 «pid»; kill -STOP «pid»; kill -TERM «pid»", r"(.*No such process\s*){3}"),
    Attack(
        "kill every number",
        python("""
            import os, signal
            for pid in range(2, 100000):
                try:
                    if pid != os.getpid():
                        os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            print("tried")
        """),
        "tried",
    ),
    Attack(
        "outlive the command",
        python("""
            import os, time
            if os.fork():
                os._exit(0)
            os.setsid()
            if os.fork():
                os._exit(0)
            for number in range(3):
                os.close(number)
            time.sleep(1000)
        """),
    ),
    Attack("outlive the command with nohup", "nohup setsid sleep 1000 >/dev/null 2>&1 & echo left", "left"),
    Attack("keep the output open", "sleep 1000 & echo left", "left"),
    Attack("trace the first process", calls("101, 117, 16, 1, 0, 0"), "EPERM"),
    Attack("be traced", calls("101, 117, 0, 0, 0, 0"), "EPERM"),
    Attack("debug", "strace -p 1 || gdb -p 1 || true", "not permitted|not found|Operation"),
    Attack("read another's memory", calls("310, 270, 1, page, 1, page, 1, 0"), "EPERM"),
    Attack("write another's memory", calls("311, 271, 1, page, 1, page, 1, 0"), "EPERM"),
    Attack("take another's files", calls("438, 438, 0, 0, 0"), "EPERM"),
    Attack("higher priority", "renice -n -20 $$; nice -n -20 true", DENIED),
    Attack("real-time priority", "chrt -f 99 true", DENIED),
    Attack(
        "never be killed for memory",
        "echo -1000 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj",
        "(?m)^1000$",
    ),
    Attack("become root", "su -c id; sudo id; id -u", "(?m)^65534$"),
    Attack("a set-user-id program of its own", "cp /usr/bin/id /tmp/a; chmod 6755 /tmp/a; /tmp/a -u", "^65534$"),
    Attack("a user that it is not", "import os\nos.setuid(0)", "PermissionError|Invalid argument"),
    Attack(
        "capabilities",
        "grep -E '^Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status",
        r"CapPrm:\s0+\nCapEff:\s0+\nCapBnd:\s0+\nCapAmb:\s0+\nNoNewPrivs:\s1",
    ),
    Attack(
        "a library before all others",
        "echo > /tmp/a.so; LD_PRELOAD=/tmp/a.so su -c id; echo /tmp/a.so > /etc/ld.so.preload",
        "Read-only",
    ),
]

FILES = [
    Attack("a file of the caller", "cat «file»", "No such file"),
    Attack(
        "write a file of the caller",
        "echo gone > «file»; rm -f «file»; chmod 0 «file»",
        "nonexistent|No such file",
    ),
    Attack(
        "a file of the caller through /proc",
        "cat /proc/1/root«file» /proc/self/root«file» /proc/1/cwd/..«file»",
        "(.*No such.*\n){3}",
    ),
    Attack(
        "files of users",
        "ls /home /root /work /opt /srv /mnt /media /boot",
        "(.*cannot access.*\n){8}",
    ),
    Attack(
        "what there is",
        "ls -A / | tr '\\n' ' '",
        "^bin dev etc lib (lib32 )?(lib64 )?(libx32 )?proc program run sbin tmp usr var $",
    ),
    Attack(
        "passwords",
        "cat /etc/shadow /etc/gshadow /etc/sudoers; ls /etc/ssh /etc/ssl",
        "(.*No such file or directory\n){5}",
    ),
    Attack("who uses the machine", "cut -d: -f1 /etc/passwd | tr '\\n' ' '", "^root nobody $"),
    Attack(
        "change the system",
        "touch /usr/bin/a; rm /usr/bin/env; echo > /etc/passwd; mkdir /a; rm -rf /bin/sh",
        "(.*(Read-only|denied|not permitted).*\n){5}",
    ),
    Attack(
        "delete everything",
        "rm -rf --no-preserve-root /etc /bin /usr/bin /var /proc/sys/net / 2>&1 | head -n 100",
        DENIED,
    ),
    Attack(
        "leave a file behind",
        "for a in /tmp /run /var/tmp /dev/shm; do echo x > $a/hostile; done; ls /tmp",
        "^hostile$",
    ),
    Attack("a link out of /tmp", "ln -s «file» /tmp/a; echo gone > /tmp/a; cat /tmp/a", "nonexistent|No such file"),
    Attack(
        "a race of links in /tmp",
        "for i in $(seq 50); do ln -sfn / /tmp/a; ln -sfn /tmp /tmp/a; done & "
        "for i in $(seq 50); do cat /tmp/a«file»; echo gone > /tmp/a«file»; done 2>/dev/null; echo lost",
        "^lost$",
    ),
    Attack(
        "a hard link to the system",
        "ln /usr/bin/su /tmp/su; ln /etc/passwd /tmp/passwd",
        "(.*(cross-device link|not permitted).*\n){2}",
    ),
    Attack(
        "a disk's device",
        "mknod /tmp/a b 254 0; mknod /tmp/b c 1 1; cat /dev/vda /dev/sda /dev/mem",
        "(.*not permitted\n){2}(.*No such.*\n){3}",
    ),
    Attack(
        "devices",
        "ls -A /dev | tr '\\n' ' '",
        "^(core )?fd full null ptmx pts random shm stderr stdin stdout tty urandom zero $",
    ),
    Attack(
        "the kernel's messages",
        "dmesg; cat /dev/kmsg; echo hi > /dev/kmsg; cat /proc/kmsg",
        "(.*(not permitted|denied|No such|Read-only).*\n){4}",
    ),
    Attack(
        "the kernel's memory",
        "cat /dev/mem /dev/kmem /proc/kcore | head -c 10",
        "(.*(No such|denied|not permitted).*\n){3}",
    ),
    Attack(
        "everybody's devices",
        "chmod 0 /dev/null /dev/zero; rm -f /dev/null; echo > /dev/a",
        "(.*(Read-only|not permitted|busy).*\n){4}",
    ),
    Attack(
        "the caller's environment",
        "cat /proc/*/environ | tr '\\0' '\\n' | cut -d= -f1 | sort -u | tr '\\n' ' '",
        "^HOME LANG (OLDPWD )?PATH (PWD )?TERM $",
    ),
    Attack(
        "the caller's open files",
        "ls -l /proc/1/fd /proc/self/fd | grep -oE '> .*' | grep -vE 'pipe:|eventfd|> /proc/[0-9]+/fd'; echo no more",
        "^no more$",
    ),
    Attack(
        "the caller's command line",
        "tr '\\0' ' ' < /proc/1/cmdline | grep -oE '/(work|root|home|opt)[^ ]*'; echo none",
        "^none$",
    ),
    Attack("the machine's processes", "ls -d /proc/[0-9]* | wc -l", "^[1-9]$"),
    Attack(
        "settings of the kernel",
        "for a in kernel/core_pattern kernel/pid_max vm/swappiness net/ipv4/ip_forward; do echo 1 > /proc/sys/$a; done",
        "(.*Read-only.*\n){4}",
    ),
    Attack(
        "the emergency keys",
        "echo b > /proc/sysrq-trigger && echo DONE; echo c > /proc/sysrq-trigger && echo DONE; echo alive",
        "alive$",
    ),
    Attack(
        "interrupts and buses",
        "for a in irq/default_smp_affinity bus/a acpi/a mtrr timer_list; do echo 1 > /proc/$a && echo DONE; done",
        f"{DENIED}|nonexistent",
    ),
    Attack(
        "/sys",
        "echo mem > /sys/power/state; ls /sys/fs/cgroup; mount -t sysfs a /tmp",
        "nonexistent(.*\n)+.*No such",
    ),
    Attack(
        "a mount",
        "mount -t tmpfs a /mnt; mount --bind / /tmp; mount -o remount,rw /usr; umount /proc/sys",
        "(superuser|permitted|denied)",
    ),
    Attack(
        "mounts in the kernel's new ways",
        calls("428, 428, -100, page, 1", "430, 430, page, 0", "429, 429, 0, 0, 0, 0, 0", "442, 442, 0, 0, 0, 0, 0"),
        "(EPERM\n){4}",
    ),
    Attack("another root", calls("161, 51, page", "155, 41, page, page"), "(EPERM\n){2}"),
    Attack(
        "files by their handle", calls("304, 265, -100, page, 0", "303, 264, -100, page, page, page, 0"), "(EPERM\n){2}"
    ),
    Attack("the host's name", "hostname owned; echo owned > /proc/sys/kernel/hostname; hostname", "(?m)^sandbox$"),
    Attack("the time", "date -s 2001-01-01; date +%Y", "cannot set date"),
]

KERNEL = [
    Attack("a user namespace", "unshare -U id; unshare -Urnmp --fork id", "(.*not permitted\n){2}"),
    Attack("a user namespace by clone", calls("56, 220, 0x10000000 | 17, 0, 0, 0, 0"), "EPERM"),
    Attack("a user namespace by clone3", calls("435, 435, page, 88"), "ENOSYS"),
    Attack(
        "the first process's namespaces",
        "nsenter -t 1 -a true; nsenter --net=/proc/1/ns/net true",
        "(.*(permitted|denied|No such file).*\n){2}",
    ),
    Attack("setns", calls("308, 268, os.open('/proc/self/ns/net', os.O_RDONLY), 0"), "EPERM"),
    Attack(
        "keys",
        calls("250, 219, 0, -3, 1", "248, 217, page, page, page, 1, -3", "249, 218, page, page, 0, 0"),
        "(EPERM\n){3}",
    ),
    Attack("BPF", calls("321, 280, 0, page, 48"), "EPERM"),
    Attack("performance counters", calls("298, 241, page, 0, -1, -1, 0"), "EPERM"),
    Attack("userfaultfd", calls("323, 282, 1"), "EPERM"),
    Attack(
        "io_uring",
        calls("425, 425, 8, page", "426, 426, 0, 0, 0, 0", "427, 427, 0, 0, 0, 0"),
        "(EPERM\n){3}",
    ),
    Attack("modules", calls("175, 105, page, 0, page", "313, 273, 0, page, 0", "176, 106, page, 0"), "(EPERM\n){3}"),
    Attack("another kernel", calls("246, 104, 0, 0, 0, 0", "320, 294, 0, 0, 0, 0, 0"), "(EPERM\n){2}"),
    Attack("reboot", calls("169, 142, 0xfee1dead, 672274793, 0x01234567, 0"), "EPERM"),
    Attack("swap", calls("167, 224, page, 0", "168, 225, page"), "(EPERM\n){2}"),
    Attack("quotas and accounting", calls("179, 60, 0, 0, 0, 0", "163, 89, page"), "(EPERM\n){2}"),
    Attack("another personality", calls("135, 92, 0x0040000"), "EPERM"),
    Attack("the log", calls("103, 116, 3, page, 4096"), "EPERM"),
    Attack("all files' events", calls("300, 262, 0, 0"), "EPERM"),
    Attack("calls that are newer than the filter", calls("467, 467, 0", "9999, 9999, 0"), "(ENOSYS\n){2}"),
    Attack(
        "rare kinds of sockets",
        python("""
            import socket
            for family in (40, 38, 31, 29, 21, 15, 30, 44):
                try:
                    socket.socket(family, socket.SOCK_RAW)
                    print("DONE")
                except OSError as error:
                    print(error.strerror)
        """),
        "^(Address family not supported by protocol\n){8}$",
    ),
    Attack(
        "what another types",
        python("""
            import fcntl, os, pty, termios
            master, terminal = pty.openpty()
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            for request in (termios.TIOCSTI, 0x541C):
                try:
                    fcntl.ioctl(terminal, request, b"x")
                    print("DONE")
                except OSError as error:
                    print(error.strerror)
        """),
        "^(Operation not permitted\n){2}$",
    ),
    Attack("the caller's terminal", "echo hi > /dev/tty; cat /dev/tty; tty", "(.*No such device.*\n){2}not a tty"),
]
if platform.machine() == "x86_64":
    KERNEL += [
        Attack(
            "calls of the 32-bit kernel",
            python("""
                import ctypes, mmap
                code = mmap.mmap(-1, 4096, prot=7)
                code.write(bytes.fromhex("b814000000" "cd80" "c3"))  # mov eax, 20 (getpid); int 0x80; ret
                print("before")
                ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
                print("DONE")
            """),
            "^before\n(Bad system call.*\n)?$",
        ),
        Attack("calls of x32", calls("0x40000000 + 39, 0"), "ENOSYS"),
    ]

NETWORK = [
    Attack(
        "the machine's loopback",
        python("""
            import socket
            for host in ("127.0.0.1", "localhost", "::1"):
                try:
                    socket.create_connection((host, «port»), 1)
                    print("DONE")
                except OSError as error:
                    print(error.strerror)
        """),
        "^((Connection refused|Cannot assign requested address|Network is unreachable)\n){3}$",
    ),
    Attack("the internet", "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)", "unreachable"),
    Attack("names", "import socket\nsocket.getaddrinfo('example.org', 80)", "gaierror"),
    Attack(
        "a socket of the machine",
        "import socket\nsocket.socket(socket.AF_UNIX).connect('«path_socket»')",
        "FileNotFoundError",
    ),
    Attack(
        "an abstract socket of the machine",
        "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0«abstract»')",
        "refused",
    ),
    Attack(
        "raw sockets",
        python("""
            import socket
            for kind in ((socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 3)):
                try:
                    socket.socket(*kind)
                    print("DONE")
                except OSError as error:
                    print(error.strerror)
        """),
        "^(Operation not permitted\n){2}$",
    ),
    Attack("other interfaces", "ls /proc/sys/net/ipv4/conf | tr '\\n' ' '", "^all default lo $"),
    Attack(
        "another network",
        "ip link add name a type bridge; ip addr add 10.0.0.1/8 dev lo; ip route add default dev lo",
        "(.*not permitted\n){3}",
    ),
    Attack("a filter", "iptables -L; iptables -P INPUT DROP", "denied|must be root"),
    Attack("ping", "ping -c 1 -W 1 8.8.8.8", "permitted|unreachable|denied|not found"),
]

TERMINAL = [
    Attack(
        "colours and titles",
        r"printf 'a\033[31mb\033[0m\033]0;owned\007c\033]52;c;b3duZWQ=\033\\d\033[2J\033[1;1He\033cf'",
        "^abcdef$",
    ),
    Attack("eight-bit sequences", r"printf 'a\302\23331mb\302\2350;owned\302\234c'", "^abc$"),
    Attack("text over text", r"printf 'shown\rhidden\b\b\b'", "^shown\nhidden$"),
    Attack("text in another order", r"printf 'a\342\200\256b\342\201\246c\342\200\217d'", "^abcd$"),
    Attack("bytes that are no text", r"printf 'a\377\376\000b'", "^a\ufffd\ufffdb$"),
    Attack(
        "a sequence without an end",
        r"printf 'a\033]0;b'; head -c 20000 /dev/zero | tr '\0' ';'",
        "^a0;b;{20000}$",
    ),
]

ATTACKS = [*RESOURCES, *PROCESSES, *FILES, *KERNEL, *NETWORK, *TERMINAL]
