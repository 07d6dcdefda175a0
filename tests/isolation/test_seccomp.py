"""The filter refuses what it should, and nothing else, on both architectures."""

from __future__ import annotations

import errno

import pytest

from infraray.isolation import seccomp
from tests.isolation import bpf

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT, EOPNOTSUPP = (
    0x50000 | code for code in (errno.EPERM, errno.ENOSYS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP)
)

# name: numbers on x86_64 and aarch64, arguments, answer. Numbers as strace and the kernel's tables print them.
CALLS = {
    "read": (0, 63, (), ALLOW),
    "execve": (59, 221, (), ALLOW),
    "futex": (202, 98, (), ALLOW),
    "removexattrat, the last that is known": (466, 466, (), ALLOW),
    "the next": (467, 467, (), ENOSYS),
    "a call of minus one": (-1, -1, (), ENOSYS),
    "fork": (56, 220, (17,), ALLOW),
    "a thread": (56, 220, (0x3D0F00,), ALLOW),
    "a mount namespace": (56, 220, (0x20000 | 17,), EPERM),
    "a user namespace": (56, 220, (0x10000000,), EPERM),
    "a network namespace": (56, 220, (0x40000000,), EPERM),
    "clone3": (435, 435, (), ENOSYS),
    "unshare": (272, 97, (), EPERM),
    "mount": (165, 40, (), EPERM),
    "ptrace": (101, 117, (), EPERM),
    "io_uring_setup": (425, 425, (), EPERM),
    "reading a terminal's size": (16, 29, (0, 0x5413), ALLOW),
    "TIOCSTI": (16, 29, (0, 0x5412), EPERM),
    "TIOCSTI with a high word, which the kernel ignores": (16, 29, (0, 0xFF00005412), EPERM),
    "TIOCLINUX": (16, 29, (0, 0x541C), EPERM),
    "a TCP socket": (41, 198, (2, 1), ALLOW),
    "a netlink socket": (41, 198, (16, 3), ALLOW),
    "a socket of netfilter": (41, 198, (16, 3, 12), ALLOW),
    "a socket of generic netlink": (41, 198, (16, 3, 16), EPROTONOSUPPORT),
    "a socket of the audit": (41, 198, (16, 3, 9), EPROTONOSUPPORT),
    "protocol 16 of another family": (41, 198, (2, 3, 16), ALLOW),
    "a network card's settings": (16, 29, (3, 0x8946), EOPNOTSUPP),
    "an interface's flags": (16, 29, (3, 0x8913), ALLOW),
    "a packet socket": (41, 198, (17, 3), ALLOW),
    "a kernel cipher's socket": (41, 198, (38, 5), EAFNOSUPPORT),
    "a virtual machine's socket": (41, 198, (40, 1), EAFNOSUPPORT),
    "a pair of UNIX sockets": (53, 199, (1, 1), ALLOW),
    "a pair of others": (53, 199, (30, 1), EAFNOSUPPORT),
    "a receive buffer": (54, 208, (3, 1, 8), ALLOW),
    "a packet ring": (54, 208, (3, 263, 5), EPERM),
    "a packet ring to send": (54, 208, (3, 263, 13), EPERM),
    "another option of packet sockets": (54, 208, (3, 263, 1), ALLOW),
    "option 5 of another level": (54, 208, (3, 1, 5), ALLOW),
    "a pipe's pages": (278, 75, (3,), ENOSYS),
    "asynchronous input": (206, 0, (128,), ENOSYS),
    "a thread with files of its own": (56, 220, (0x3D0F00 & ~0x400,), EPERM),
    "closing files": (436, 436, (3, 99, 0), ALLOW),
    "files of its own": (436, 436, (3, 99, 2), EPERM),
    "a pipe's size": (72, 25, (3, 1032), ALLOW),
    "a larger pipe": (72, 25, (3, 1031, 2**20), EPERM),
    "naming a thread": (157, 167, (15,), ALLOW),
}


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("name", CALLS)
def test_call_is_answered_as_it_should(name: str, machine: str) -> None:
    on_x86_64, on_aarch64, arguments, answer = CALLS[name]
    number = on_x86_64 if machine == "x86_64" else on_aarch64
    assert bpf.run(seccomp.program(machine), ARCHITECTURES[machine], number, arguments) == answer


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_refused_call_has_a_rule_and_most_calls_have_none(machine: str) -> None:
    program = seccomp.program(machine)
    answers = [bpf.run(program, ARCHITECTURES[machine], number) for number in range(467)]
    assert set(answers) == {ALLOW, EPERM, ENOSYS, EAFNOSUPPORT, EOPNOTSUPP}
    assert 50 <= answers.count(EPERM) <= 70
    assert 15 <= answers.count(ENOSYS) <= 22
    assert answers.count(EOPNOTSUPP) == 4


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_another_architectures_call_ends_the_process(machine: str) -> None:
    other = next(value for name, value in ARCHITECTURES.items() if name != machine)
    for architecture in (I386, other):
        assert bpf.run(seccomp.program(machine), architecture, 0) == KILL


def test_calls_through_x32_are_absent() -> None:
    assert bpf.run(seccomp.program("x86_64"), ARCHITECTURES["x86_64"], 0x40000000 + 39) == ENOSYS


def test_filter_is_short_enough_for_the_kernel() -> None:
    assert all(len(seccomp.program(machine)) // 8 <= 4096 for machine in ARCHITECTURES)
