"""Cluster addresses and node ports of services: given out, kept unique, given back."""

from __future__ import annotations

import ipaddress

from .errors import FieldError, Object, duplicate, invalid
from .store import Change, Collection, Stored

NODE_PORTS = range(30000, 32768)


class ServiceAddresses:
    """What is taken, kept up to date from the services themselves."""

    def __init__(self, services: Collection, network: str) -> None:
        self._network = ipaddress.ip_network(network)
        self._addresses: dict[str, str] = {}
        self._ports: dict[tuple[int, str], str] = {}
        self._last = 0
        services.listeners[self] = self._follow

    def assign(self, service: Object) -> list[FieldError]:
        """Gives a service the addresses and ports that it needs and does not name; says what it names in vain."""
        spec, owner = service["spec"], service["metadata"]["uid"]
        errors: list[FieldError] = []
        if spec["type"] == "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
                spec.pop(name, None)
        else:
            errors += self._assign_address(spec, owner)
        wants_ports = spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts")
        taken: set[tuple[int, str]] = set()
        for index, port in enumerate(spec.get("ports", [])):
            path = f"spec.ports[{index}].nodePort"
            given = port.get("nodePort")
            if given:
                holder = self._ports.get((given, port["protocol"]), owner)
                if given not in NODE_PORTS:
                    span = f"{NODE_PORTS[0]}-{NODE_PORTS[-1]}"
                    detail = f"provided port is not in the valid range. The range of valid ports is {span}"
                    errors.append(invalid(path, given, detail))
                elif holder != owner:
                    errors.append(invalid(path, given, "provided port is already allocated"))
                elif (given, port["protocol"]) in taken:
                    errors.append(duplicate(path, given))
            elif wants_ports:
                free = (number for number in NODE_PORTS if not self._is_taken(number) and (number, "") not in taken)
                port["nodePort"] = next(free)
            if port.get("nodePort"):
                taken |= {(port["nodePort"], port["protocol"]), (port["nodePort"], "")}
        return errors

    def _is_taken(self, number: int) -> bool:
        return any((number, protocol) in self._ports for protocol in ("TCP", "UDP", "SCTP"))

    def _assign_address(self, spec: Object, owner: str) -> list[FieldError]:
        given = spec.get("clusterIP") or next(iter(spec.get("clusterIPs", [])), "")
        if not given:
            given = self._free_address()
            if not given:
                return [invalid("spec.clusterIPs", [], f"failed to allocate an IP: {self._network} is full")]
        spec["clusterIP"], spec["clusterIPs"] = given, [given]
        if given == "None":
            return []
        try:
            address = ipaddress.ip_address(given)
        except ValueError:
            detail = "must be empty, 'None', or a valid IP address"
            return [invalid("spec.clusterIPs[0]", given, detail)]
        if address not in self._network:
            detail = f"failed to allocate IP {given}: the provided network does not match the current range"
            return [invalid("spec.clusterIPs", [given], detail)]
        if self._addresses.get(given, owner) != owner:
            detail = f"failed to allocate IP {given}: provided IP is already allocated"
            return [invalid("spec.clusterIPs", [given], detail)]
        return []

    def _free_address(self) -> str:
        """The next address after the last one given out, so that one of a deleted service does not return at once."""
        count = self._network.num_addresses - 2
        for step in range(1, count + 1):
            number = (self._last + step - 1) % count + 1
            address = str(self._network[number])
            if address not in self._addresses:
                self._last = number
                return address
        return ""

    def _follow(self, change: Change) -> None:
        for stored in (change.before, change.after):
            if stored is not None:
                self._forget(stored)
        if change.after is not None:
            self._remember(change.after)

    def _forget(self, stored: Stored) -> None:
        owner = stored.object["metadata"]["uid"]
        self._addresses = {address: holder for address, holder in self._addresses.items() if holder != owner}
        self._ports = {port: holder for port, holder in self._ports.items() if holder != owner}

    def _remember(self, stored: Stored) -> None:
        owner, spec = stored.object["metadata"]["uid"], stored.object["spec"]
        for address in spec.get("clusterIPs", []):
            if address != "None":
                self._addresses[address] = owner
        for port in spec.get("ports", []):
            if port.get("nodePort"):
                self._ports[port["nodePort"], port["protocol"]] = owner
