"""The sandbox's seccomp filter: a classic BPF program that the kernel runs on every system call.

It refuses what a command on a router or a host never needs and kernel exploits start from: tracing, keys, BPF,
io_uring, mounts, namespaces, modules, unusual sockets and netlink families, and memory that does not show in any
process's size (memfd, System V shared memory and messages). Everything else is left to namespaces and capabilities.

Sources: seccomp(2), ``include/uapi/linux/seccomp.h``, ``linux/filter.h``, ``linux/audit.h``.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from infraray.errors import InfrarayError
from infraray.isolation.syscalls import AARCH64, LAST_KNOWN, NUMBERS, X86_64

AUDIT_ARCH = {X86_64: 0xC000003E, AARCH64: 0xC00000B7}
X32_SYSCALL_BIT = 0x40000000
"""x86_64's second table of the same system calls; no distribution uses it."""

RET_KILL_PROCESS = 0x80000000
RET_ERRNO = 0x00050000
RET_ALLOW = 0x7FFF0000

# Offsets into struct seccomp_data; both architectures are little-endian, so an argument's low word comes first.
OFFSET_NUMBER, OFFSET_ARCH, OFFSET_ARGUMENTS = 0, 4, 16

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
JUMP_BITS = 0x45  # BPF_JMP | BPF_JSET | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

CLONE_FILES, CLONE_THREAD = 0x400, 0x10000
CLONE_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""

CLOSE_RANGE_UNSHARE = 2
F_SETPIPE_SZ = 1031
TIOCSTI, TIOCLINUX, SIOCETHTOOL = 0x5412, 0x541C, 0x8946
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET = 1, 2, 10, 16, 17
NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_XFRM, NETLINK_NETFILTER = 0, 4, 6, 12
SOL_PACKET, PACKET_RX_RING, PACKET_TX_RING = 263, 5, 13

REFUSED = (
    "_sysctl acct add_key adjtimex bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init "
    "fanotify_mark finit_module fsconfig fsmount fsopen fspick init_module io_uring_enter io_uring_register "
    "io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind migrate_pages modify_ldt "
    "mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl open_by_handle_at open_tree "
    "perf_event_open personality pidfd_getfd pivot_root process_madvise process_mrelease process_vm_readv "
    "process_vm_writev ptrace quotactl quotactl_fd reboot request_key set_mempolicy set_mempolicy_home_node setns "
    "settimeofday swapoff swapon sysfs syslog umount2 unshare uselib userfaultfd ustat vhangup"
).split()
"""Answered with EPERM. A policy (mbind) for each page of a shared file outlives its mapping."""

ABSENT = (
    "clone3 inotify_init inotify_init1 io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit "
    "landlock_add_rule landlock_create_ruleset landlock_restrict_self memfd_create memfd_secret mq_open msgget semget "
    "shmget splice tee vmsplice"
).split()
"""Answered with ENOSYS, for which programs have a fallback: glibc calls clone instead of clone3 (whose flags are in
memory, where a filter cannot see them), ``tail -f`` polls instead of using inotify, ``cat`` reads and writes instead
of splicing. Data that splice and vmsplice put into a pipe stays in memory, in pages of up to 2 MiB, after its process
and file are gone; io_setup contexts count against the whole machine (fs.aio-max-nr); one file of Landlock's can hold
a rule for each of 65536 ports."""

UNSUPPORTED = ("fsetxattr", "lsetxattr", "setxattr", "setxattrat")
"""Answered with EOPNOTSUPP, as by a file system without attributes. A tmpfs does not count access control lists,
which can be 64 KiB for each file."""


@dataclass(frozen=True)
class Argument:
    """A condition on the low word of one argument.

    Args:
        index: which argument, from 0.
        values: the words to compare it with.
        holds: when the condition holds: the argument is ``among`` the values, ``not_among`` them, or has ``any_bit`` or
            ``no_bit`` of the one value set.
    """

    index: int
    values: tuple[int, ...]
    holds: str = "among"


@dataclass(frozen=True)
class Rule:
    """Refuses a system call with an error if all conditions on its arguments hold."""

    syscall: str
    error: int
    conditions: tuple[Argument, ...] = ()


_FAMILIES = (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET)
_NETLINK = (NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_XFRM, NETLINK_NETFILTER)

RULES: tuple[Rule, ...] = (
    *(Rule(name, errno.EPERM) for name in REFUSED),
    *(Rule(name, errno.ENOSYS) for name in ABSENT),
    *(Rule(name, errno.EOPNOTSUPP) for name in UNSUPPORTED),
    Rule("clone", errno.EPERM, (Argument(0, (CLONE_NEW,), "any_bit"),)),
    # Threads share their process's open files, so one of them suffices to count its pipes.
    Rule("clone", errno.EPERM, (Argument(0, (CLONE_THREAD,), "any_bit"), Argument(0, (CLONE_FILES,), "no_bit"))),
    Rule("close_range", errno.EPERM, (Argument(2, (CLOSE_RANGE_UNSHARE,), "any_bit"),)),
    # A user's pipes together have a soft limit (fs.pipe-user-pages-soft), above which new ones hold one page.
    Rule("fcntl", errno.EPERM, (Argument(1, (F_SETPIPE_SZ,)),)),
    Rule("ioctl", errno.EPERM, (Argument(1, (TIOCSTI, TIOCLINUX)),)),
    Rule("socket", errno.EAFNOSUPPORT, (Argument(0, _FAMILIES, "not_among"),)),
    Rule("socketpair", errno.EAFNOSUPPORT, (Argument(0, _FAMILIES, "not_among"),)),
    # What generic netlink and ethtool set (MPTCP endpoints, tunnels, offloads) shows in no dump of a network.
    Rule("socket", errno.EPROTONOSUPPORT, (Argument(0, (AF_NETLINK,)), Argument(2, _NETLINK, "not_among"))),
    Rule("ioctl", errno.EOPNOTSUPP, (Argument(1, (SIOCETHTOOL,)),)),
    # A packet ring is kernel memory of arbitrary size that belongs to no process.
    Rule(
        "setsockopt",
        errno.EPERM,
        (Argument(1, (SOL_PACKET,)), Argument(2, (PACKET_RX_RING, PACKET_TX_RING))),
    ),
)


def makes_namespaces(rule: Rule) -> bool:
    """Whether a rule refuses new namespaces by a clone's flags."""
    return rule.syscall == "clone" and rule.conditions == (Argument(0, (CLONE_NEW,), "any_bit"),)


def architecture() -> str:
    """This machine's architecture.

    Raises:
        InfrarayError: the filter does not support it.
    """
    machine = platform.machine()
    if machine not in AUDIT_ARCH:
        raise InfrarayError(f"isolation: the machine is {machine}; its system calls are known for x86_64 and aarch64")
    return machine


def program(machine: str, rules: Iterable[Rule] = RULES) -> bytes:
    """The filter as an array of ``struct sock_filter``, as ``bwrap --seccomp`` reads it.

    Args:
        machine: ``x86_64`` or ``aarch64``. A call through another architecture's table ends the process.
        rules: what to refuse.
    """
    code = [
        _statement(LOAD, OFFSET_ARCH),
        _jump(JUMP_EQUAL, AUDIT_ARCH[machine], then=1),
        _statement(RETURN, RET_KILL_PROCESS),
        _statement(LOAD, OFFSET_NUMBER),
        # This covers x32's numbers too, which begin at X32_SYSCALL_BIT.
        _jump(JUMP_AT_LEAST, LAST_KNOWN + 1, otherwise=1),
        _refuse(errno.ENOSYS),
    ]
    for rule in rules:
        number = NUMBERS[rule.syscall][machine == AARCH64]
        if number is not None:
            code += _rule(number, rule)
    code.append(_statement(RETURN, RET_ALLOW))
    return b"".join(code)


def _rule(number: int, rule: Rule) -> list[bytes]:
    """Instructions that refuse or fall through; the system call's number is loaded before and after."""
    if not rule.conditions:
        return [_jump(JUMP_EQUAL, number, otherwise=1), _refuse(rule.error)]
    tail = [_refuse(rule.error), _statement(LOAD, OFFSET_NUMBER)]
    for condition in reversed(rule.conditions):
        tail = _condition(condition, distance=len(tail) - 1) + tail
    return [_jump(JUMP_EQUAL, number, otherwise=len(tail)), *tail]


def _condition(condition: Argument, distance: int) -> list[bytes]:
    """Instructions that fall through if the condition holds and otherwise skip ``distance`` instructions."""
    code = [_statement(LOAD, OFFSET_ARGUMENTS + 8 * condition.index)]
    if condition.holds == "any_bit":
        return [*code, _jump(JUMP_BITS, condition.values[0], otherwise=distance)]
    if condition.holds == "no_bit":
        return [*code, _jump(JUMP_BITS, condition.values[0], then=distance)]
    last = len(condition.values) - 1
    for position, value in enumerate(condition.values):
        left = last - position  # remaining comparisons
        if condition.holds == "not_among":
            code.append(_jump(JUMP_EQUAL, value, then=left + distance))
        else:
            code.append(_jump(JUMP_EQUAL, value, then=left, otherwise=distance if left == 0 else 0))
    return code


def _statement(operation: int, value: int) -> bytes:
    return struct.pack("<HBBI", operation, 0, 0, value)


def _jump(operation: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """Compares and skips the given numbers of instructions."""
    return struct.pack("<HBBI", operation, then, otherwise, value)


def _refuse(error: int) -> bytes:
    return _statement(RETURN, RET_ERRNO | error)
