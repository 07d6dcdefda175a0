"""A process that uses networks without end; the tests kill it, or something below it, at any moment.

``python -m tests.emulators.network.user``
"""

import random

from infraray.emulators.network.supply import NetworkSupply
from infraray.emulators.network.topology import Topology
from infraray.errors import InfrarayError
from infraray.isolation import Limits


def main() -> None:
    supply = NetworkSupply(Topology(2, 2), Limits(wall_s=0.5))
    print("ready", flush=True)
    while True:
        try:
            with supply.take() as network:
                for _ in range(random.randrange(4)):
                    network.pingmesh()
                    network.run("h1", "touch /tmp/file; (setsid sleep 60 &); ping -i 0.01 192.168.2.101")
                    network.apply("r0", ["sysctl -w net.ipv4.ip_forward=0"])
                    network.snapshot()
            print("used", flush=True)
        except InfrarayError as error:
            print(f"lost: {error}", flush=True)


if __name__ == "__main__":
    main()
