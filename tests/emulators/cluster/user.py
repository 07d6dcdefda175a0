"""A process that uses clusters without end; the tests kill it, or something below it, at any moment.

``python -m tests.emulators.cluster.user``
"""

import random

from infraray.emulators.cluster.cluster import Probe
from infraray.emulators.cluster.supply import ClusterSupply
from infraray.errors import InfrarayError
from infraray.isolation import Limits
from tests.emulators.cluster.live import deployment, policy, service


def main() -> None:
    supply = ClusterSupply([deployment("a", 80), service("a", 80, 80)], Limits(wall_s=1.0))
    print("ready", flush=True)
    while True:
        try:
            with supply.take() as cluster:
                for _ in range(random.randrange(3)):
                    cluster.matrix([Probe("deployment/a", "a", 80)])
                    cluster.run("touch /tmp/file; (setsid sleep 60 &); kubectl exec deploy/a -- sleep 60")
                    cluster.apply([policy("deny")])
                    cluster.settle()
            print("used", flush=True)
        except InfrarayError as error:
            print(f"lost: {error}", flush=True)


if __name__ == "__main__":
    main()
