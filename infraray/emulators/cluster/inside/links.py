"""Makes a pod's network with rtnetlink(7): a namespace with one interface, and its other end on the node.

Pods are routed, not bridged: in a user namespace's network, a bridge has no connection tracking. A pod has a /32
address and a default route over its only link, and both ends know each other's hardware addresses for good, so
nothing is resolved and the computer's table of neighbours does not fill.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

from infraray.emulators.inside.namespaces import NetworkNamespace
from infraray.emulators.inside.netlink import ROUTE, RTM_GETLINK, Netlink, attribute

RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH = 16, 17, 20, 24, 28
NLM_F_CREATE, NLM_F_EXCL = 0x400, 0x200

IFF_UP = 0x1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_AF_SPEC, IFLA_NET_NS_FD = 1, 3, 16, 18, 26, 28
IF_OPER_UP = 6
IFLA_INET_CONF, IPV4_DEVCONF_FORWARDING = 1, 1
IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE = 8, 1
IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 1, 2, 1
IFA_ADDRESS, IFA_LOCAL = 1, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PREFSRC = 1, 4, 5, 7
RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RTN_UNICAST = 254, 3, 0, 253, 1
RTNH_F_ONLINK = 4
NDA_DST, NDA_LLADDR, NUD_PERMANENT = 1, 2, 0x80

GATEWAY = "169.254.1.1"
"""The node as a pod's next hop; nobody has the address."""

LOOPBACK, ETH0 = 1, 2
"""Indices of a pod's interfaces."""

UP_S = 10.0
"""Time in which an interface must come up on a very busy computer."""

LOOK_S = 0.001

SYSCTLS = {
    # Otherwise these would be inherited from the host and differ between hosts.
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/accept_redirects": 0,
    "ipv4/conf/default/accept_redirects": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    # A refusal is an answer, which must not depend on how many were given in the last second.
    "ipv4/icmp_ratelimit": 0,
    "ipv4/icmp_ratemask": 0,
    # No connection outlives the cut of its path for longer than a measurement.
    "ipv4/tcp_retries2": 5,
}
"""Settings below /proc/sys/net of the node and of every pod."""

NODE_SYSCTLS = {
    "ipv4/ip_forward": 1,
    # Policies and services here are of IPv4; the node's end of every cable drops all else.
    "ipv6/conf/all/disable_ipv6": 1,
    "ipv6/conf/default/disable_ipv6": 1,
}
"""Settings of the node alone. Writing one of these spins in the kernel while anybody on the computer changes a link
(``rtnl_trylock`` with ``restart_syscall``), so pods get the same by netlink, which waits; see `Links.confine`."""


def prepare(is_node: bool) -> None:
    """Sets the calling thread's network up as far as it is independent of addresses."""
    for name, value in (SYSCTLS | NODE_SYSCTLS if is_node else SYSCTLS).items():
        with suppress(FileNotFoundError):  # a kernel may be without IPv6
            Path("/proc/sys/net", name).write_text(str(value))
    links = Links()
    links.up(LOOPBACK)
    links.close()


class Links:
    """Changes the network in which the calling thread is when this is made."""

    def __init__(self) -> None:
        self._netlink = Netlink(ROUTE)

    def close(self) -> None:
        """Closes the socket."""
        self._netlink.socket.close()

    def up(self, index: int) -> None:
        """Switches an interface on."""
        self._netlink.change(RTM_NEWLINK, struct.pack("=BxHiII", 0, 0, index, IFF_UP, IFF_UP))

    def wait_until_up(self, index: int) -> None:
        """Waits until an interface whose other end was switched on later sends.

        Until then it drops everything: a worker of the kernel sees to it, for which a busy computer takes its time.

        Raises:
            OSError: it does not come up.
        """
        deadline = time.monotonic() + UP_S
        request = struct.pack("=BxHiII", 0, 0, index, 0, 0)
        while self._netlink.ask(RTM_GETLINK, request, len(request))[1][IFLA_OPERSTATE][0] != IF_OPER_UP:
            if time.monotonic() > deadline:
                raise OSError(f"an interface does not come up in {UP_S:g} s")
            time.sleep(LOOK_S)

    def confine(self, index: int) -> None:
        """Keeps an interface from forwarding, which it may have inherited from the host, and without IPv6 addresses."""
        forwarding = attribute(IFLA_INET_CONF, attribute(IPV4_DEVCONF_FORWARDING, struct.pack("=I", 0)))
        self._configure(index, socket.AF_INET, forwarding)
        mode = attribute(IFLA_INET6_ADDR_GEN_MODE, bytes([IN6_ADDR_GEN_MODE_NONE]))
        try:
            self._configure(index, socket.AF_INET6, mode)
        except OSError as error:
            if error.errno != errno.EAFNOSUPPORT:  # a kernel may be without IPv6
                raise

    def _configure(self, index: int, family: int, settings: bytes) -> None:
        """Changes an interface's settings of one family of addresses."""
        body = struct.pack("=BxHiII", 0, 0, index, 0, 0)
        self._netlink.change(RTM_NEWLINK, body + attribute(IFLA_AF_SPEC, attribute(family, settings)))

    def make_cable(self, index: int, name: str, mac: bytes, peer_mac: bytes, peer: NetworkNamespace) -> None:
        """Makes a veth pair: this end, and ``eth0`` in another namespace.

        Both ends have different indices: if they happen to be equal, the kernel takes up to a second to notice that
        the cable is plugged in (``linkwatch_urgent_event`` in net/core/link_watch.c).
        """
        other = struct.pack("=BxHiII", 0, 0, ETH0, 0, 0)
        other += attribute(IFLA_IFNAME, b"eth0\0") + attribute(IFLA_ADDRESS, peer_mac)
        other += attribute(IFLA_NET_NS_FD, struct.pack("=i", peer.file))
        info = attribute(IFLA_INFO_KIND, b"veth\0")
        info += attribute(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, other))
        body = struct.pack("=BxHiII", 0, 0, index, 0, 0) + attribute(IFLA_IFNAME, name.encode() + b"\0")
        body += attribute(IFLA_ADDRESS, mac) + attribute(IFLA_LINKINFO, info)
        self._netlink.change(RTM_NEWLINK, body, NLM_F_CREATE | NLM_F_EXCL)

    def remove(self, index: int) -> None:
        """Removes an interface, and with a cable's end the other end."""
        self._netlink.change(RTM_DELLINK, struct.pack("=BxHiII", 0, 0, index, 0, 0))

    def add_address(self, index: int, address: str) -> None:
        """Gives an interface an address of its own, with prefix length 32."""
        raw = socket.inet_aton(address)
        body = struct.pack("=BBBBi", socket.AF_INET, 32, 0, 0, index)
        body += attribute(IFA_LOCAL, raw) + attribute(IFA_ADDRESS, raw)
        self._netlink.change(RTM_NEWADDR, body, NLM_F_CREATE | NLM_F_EXCL)

    def add_neighbour(self, index: int, address: str, mac: bytes) -> None:
        """Enters a hardware address for good."""
        body = struct.pack("=BxxxiHBB", socket.AF_INET, index, NUD_PERMANENT, 0, RTN_UNICAST)
        body += attribute(NDA_DST, socket.inet_aton(address)) + attribute(NDA_LLADDR, mac)
        self._netlink.change(RTM_NEWNEIGH, body, NLM_F_CREATE)

    def add_host_route(self, index: int, address: str, source: str) -> None:
        """Sends packets to an address over an interface.

        Args:
            index: the interface.
            address: the address.
            source: where packets of this namespace's own come from.
        """
        body = self._route(32, RT_SCOPE_LINK, 0) + attribute(RTA_DST, socket.inet_aton(address))
        body += attribute(RTA_OIF, struct.pack("=i", index)) + attribute(RTA_PREFSRC, socket.inet_aton(source))
        self._netlink.change(RTM_NEWROUTE, body, NLM_F_CREATE | NLM_F_EXCL)

    def add_default_route(self, index: int) -> None:
        """Sends all packets over an interface to `GATEWAY`."""
        body = self._route(0, RT_SCOPE_UNIVERSE, RTNH_F_ONLINK) + attribute(RTA_GATEWAY, socket.inet_aton(GATEWAY))
        body += attribute(RTA_OIF, struct.pack("=i", index))
        self._netlink.change(RTM_NEWROUTE, body, NLM_F_CREATE | NLM_F_EXCL)

    def _route(self, prefix_length: int, scope: int, flags: int) -> bytes:
        kind = (RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST)
        return struct.pack("=BBBBBBBBI", socket.AF_INET, prefix_length, 0, 0, *kind, flags)
