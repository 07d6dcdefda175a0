"""Sandboxes inside an emulated network: a machine's own network is all that a command can change."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infraray.isolation import Finished, Limits, Sandbox, problem
from tests.isolation.attacks import ATTACKS, DENIED, python
from tests.isolation.elsewhere import LIBC, in_namespaces, new_network
from tests.isolation.host import children

# Commands of routing repair, and what they must print.
ADMINISTRATION = {
    "id -u": "^0$",
    "ip link set lo up; ip addr add 10.9.8.7/24 dev lo; ip -br addr show dev lo": "10.9.8.7/24",
    "ip link add left type veth peer name right; ip link set left up; ip -br link": "left@right",
    "ip link set right up; ip addr add 192.168.1.1/24 dev left; ip -br addr show dev left": "192.168.1.1/24",
    "ip route add 172.16.0.0/16 via 192.168.1.2; ip route": "172.16.0.0/16 via",
    "ip route del 172.16.0.0/16 && ip route flush cache && ip route | grep -c 172 || true": "^0$",
    "ip rule add prohibit pref 7 && ip rule && ip rule del pref 7": "from all prohibit",
    "sysctl -w net.ipv4.ip_forward=1 && sysctl -n net.ipv4.ip_forward": "(?m)^1$",
    "echo 0 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward": "^0$",
    "iptables -A FORWARD -s 192.168.1.0/24 -j DROP && iptables -L FORWARD -n && iptables -F": "DROP .*192.168.1.0/24",
    "iptables -P FORWARD DROP && iptables -S && iptables -P FORWARD ACCEPT": "-P FORWARD DROP",
    "ifconfig left mtu 68 && ifconfig left && ifconfig left mtu 1500": "mtu 68",
    "ping -c 1 -W 1 127.0.0.1": "1 received",
    "arp -n; route -n; netstat -rn; ss -tln; ip neigh": "Kernel IP routing table",
}

# With rights over a network, what must fail nevertheless.
FURTHER_ATTACKS = {
    "settings of the kernel": (
        "for a in kernel/core_pattern kernel/pid_max vm/swappiness vm/drop_caches; do echo 1 > /proc/sys/$a; done; "
        "sysctl -w kernel.hostname=owned",
        "(.*Read-only file system\n){4}.*(Read-only|denied)",
    ),
    "larger buffers of the kernel": (
        "cd /proc/sys/net; set core/optmem_max ipv4/tcp_[rw]mem ipv[46]/ip*frag_high_thresh netfilter/*high_thresh; "
        "sysctl -w net.ipv4.tcp_wmem='4096 2000000000 2000000000'; for a; do echo 2000000000 > $a; done; "
        "cat $@; echo done",
        "(?s)^(?!.*2000000000).*done$",
    ),
    "make settings writable": (
        "mount -o remount,rw /proc/sys; umount /proc/sys",
        "(.*(denied|permitted|superuser).*\n)+",
    ),
    "the emergency keys": ("echo b > /proc/sysrq-trigger; echo s > /proc/sysrq-trigger; echo alive", "alive"),
    "interrupts": ("echo 1 > /proc/irq/default_smp_affinity; echo 1 > /proc/bus/a; echo done", "done"),
    "devices of everybody": (
        "chmod 0 /dev/null; chmod 0 /dev/urandom; rm -f /dev/zero",
        "(?s)(Read-only|not permitted).*Read-only",
    ),
    "capabilities": (
        "grep -E '^Cap(Prm|Eff|Amb)|NoNewPrivs' /proc/self/status",
        r"CapPrm:\s0+3000\nCapEff:\s0+3000\nCapAmb:\s0+3000\nNoNewPrivs:\s1",
    ),
    "more capabilities": (
        "setpriv --ambient-caps=+sys_admin true; capsh --caps=all=eip -- -c id",
        "not permitted|fail|Unable",
    ),
    "other namespaces": ("nsenter -t 1 -n -m true; unshare -n true; unshare -m true; ip netns add a", DENIED),
    "another root": ("chroot / true", DENIED),
    "a disk's device": ("mknod /tmp/a b 254 0", DENIED),
    "another owner": ("touch /tmp/a; chown 1 /tmp/a; chown 1 /usr/bin/env", "Invalid argument|not permitted|Read-only"),
    "the system's files": (
        "touch /usr/bin/a; echo > /etc/passwd; rm /usr/bin/env; touch /a",
        "(?s)Read-only.*Read-only.*Read-only",
    ),
    "files of users": ("ls /root /home /work /opt /var/lib", "(.*No such file or directory\n){5}"),
    "a packet ring": (
        python("""
            import socket, struct
            ring = struct.pack("4I", 2**22, 64, 2**11, 2**17)
            try:
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3).setsockopt(263, 5, ring)
            except OSError as error:
                print(error.strerror)
        """),
        "^Operation not permitted$",
    ),
    "signals to the emulator": (
        "kill -9 1; kill -STOP 1; kill -9 -1; kill -9 $PPID; echo alive",
        "alive",
    ),
    "the emulator's environment": ("cat /proc/*/environ | tr '\\0' '\\n' | grep -c BAIT", "^0$"),
    "processes of the emulator": ("ls -d /proc/[0-9]* | wc -l", "^[1-9]$"),
    "an interface for another": (
        "ip link set lo netns 1; ip link add a type veth peer name b netns 2; echo done",
        "done",
    ),
}

REPEATED = (
    "fork bomb in Python",
    "threads without end",
    "memory, bit by bit",
    "memory of many processes",
    "files in /tmp",
    "buffers of sockets",
    "memory of its own after the end of 5 threads",
    "pages that a pipe keeps",
    "pipes of many processes",
    "pipes of processes that hide",
    "holes that forks copy",
    "asynchronous input and output",
    "terminals without end",
    "output without end",
    "a loop",
    "waiting for ever",
    "signals ignored",
    "outlive the command",
    "keep the output open",
    "trace the first process",
    "read another's memory",
    "higher priority",
    "keys",
    "BPF",
    "io_uring",
    "userfaultfd",
    "performance counters",
    "a user namespace by clone",
    "setns",
    "modules",
    "rare kinds of sockets",
    "what another types",
    "everybody's devices",
    "the kernel's memory",
    "the host's name",
    "mounts in the kernel's new ways",
)


def run(sandbox: Sandbox, text: str) -> Finished:
    return (sandbox.run_python if text.startswith("import") else sandbox.run)(text)


def test_administration_of_the_own_network_works() -> None:
    def administer() -> dict[str, Finished]:
        assert problem("inherit") is None
        sandbox = Sandbox(network="inherit")
        return {command: sandbox.run(command) for command in ADMINISTRATION}

    for command, finished in in_namespaces(administer).items():
        assert re.search(ADMINISTRATION[command], finished.output), (command, finished)


def test_rights_over_a_network_give_nothing_else() -> None:
    def attack() -> dict[str, Finished]:
        os.environ["BAIT"] = "1"
        sandbox = Sandbox(Limits(wall_s=8), "inherit")
        known = children()
        finished = {name: run(sandbox, text) for name, (text, _) in FURTHER_ATTACKS.items()}
        assert children() - known <= {pid for pid in children() if b"read -r event" in cmdline(pid)}
        return finished

    before = [
        Path("/proc/sys", name).read_text() for name in ("kernel/core_pattern", "kernel/pid_max", "kernel/hostname")
    ]
    modes = [os.stat(path).st_mode for path in ("/dev/null", "/dev/urandom", "/dev/zero")]
    for name, finished in in_namespaces(attack).items():
        assert re.search(FURTHER_ATTACKS[name][1], finished.output), (name, finished)
    assert modes == [os.stat(path).st_mode for path in ("/dev/null", "/dev/urandom", "/dev/zero")]
    assert before == [
        Path("/proc/sys", name).read_text() for name in ("kernel/core_pattern", "kernel/pid_max", "kernel/hostname")
    ]


def test_attacks_fail_there_too() -> None:
    attacks = [attack for attack in ATTACKS if attack.name in REPEATED]
    assert len(attacks) == len(REPEATED)

    def attack_all() -> list[Finished]:
        limits = {"wall_s": 8.0, "cpu_s": 4.0, "memory_bytes": 160 * 2**20, "processes": 48}
        return [run(Sandbox(Limits(**(limits | attack.limits)), "inherit"), attack.text) for attack in attacks]

    for attack, finished in zip(attacks, in_namespaces(attack_all), strict=True):
        assert finished.ended in attack.ended, (attack.name, finished)
        assert re.search(attack.says, finished.output), (attack.name, finished)
        assert "DONE" not in finished.output


def test_a_machine_reaches_neither_its_neighbours_nor_the_emulator() -> None:
    def visit() -> dict[str, Any]:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        servers = [socket.create_server(("127.0.0.1", 7777)), socket.socket(socket.AF_UNIX)]
        servers[1].bind("\0emulator")
        servers[1].listen()
        forwarding = Path("/proc/sys/net/ipv4/ip_forward")
        before = forwarding.read_text()
        emulators = os.open("/proc/self/ns/net", os.O_RDONLY)
        new_network()
        sandbox = Sandbox(network="inherit")
        finished = [
            run(
                sandbox, "ip link set lo up; sysctl -w net.ipv4.ip_forward=1; ls /proc/sys/net/ipv4/conf | tr '\\n' ' '"
            ),
            run(sandbox, "import socket\nsocket.create_connection(('127.0.0.1', 7777), 2)"),
            run(sandbox, "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0emulator')"),
        ]
        changed = forwarding.read_text()
        # What is read from /proc/sys/net is the reader's own network.
        assert LIBC.setns(emulators, 0) == 0
        return {
            "outputs": [one.output for one in finished],
            "before": before,
            "here": changed,
            "there": forwarding.read_text(),
        }

    seen = in_namespaces(visit)
    assert "ip_forward = 1" in seen["outputs"][0] and seen["outputs"][0].endswith("all default lo ")
    assert "refused" in seen["outputs"][1] and "refused" in seen["outputs"][2]
    assert seen["before"] == seen["there"] != seen["here"]


@pytest.mark.parametrize("state", ["stale", "reachable", "permanent"])
def test_the_machines_table_of_neighbours_is_not_for_one_network(state: str) -> None:
    def fill() -> str | None:
        text = f"""
            ip link add left type bridge && ip link set left up && ip address add 10.0.0.1/8 dev left
            for i in 1 2 3 4; do for j in $(seq 250); do
                echo neigh add 10.0.$i.$j lladdr 02:00:00:00:00:01 dev left nud {state}
            done; done | ip -batch -
            sleep 5
        """
        return Sandbox(network="inherit").run(text).ended

    assert in_namespaces(fill) == "memory"


def test_inside_an_emulator_a_sandbox_without_network_has_none() -> None:
    def look() -> str:
        subprocess.run(["ip", "link", "add", "left", "type", "veth", "peer", "name", "right"], check=True)
        return Sandbox().run("ls /proc/sys/net/ipv4/conf | tr '\\n' ' '; id -u; ip link add name a type bridge").output

    assert re.search("^all default lo 65534\n.*not permitted", in_namespaces(look))


def test_a_network_of_another_user_namespace_is_refused() -> None:
    """Rights over it could not be had, and it may be the machine's."""

    def refused() -> str | None:
        assert LIBC.unshare(0x10000000) == 0
        return problem("inherit")

    assert "network='inherit'" in (in_namespaces(refused) or "")


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_namespaces_of_the_machines_root_are_refused() -> None:
    """No limit on processes would bind it: a fork bomb would take the machine down."""
    if os.geteuid() == 0:
        refused = in_namespaces(lambda: [problem("none"), problem("inherit")], drop_root=False)
        assert all("become another user" in reason for reason in refused)
    else:
        assert in_namespaces(problem) is None
