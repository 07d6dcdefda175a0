"""Eight clusters at once, each with other policies: ``python -m tests.emulators.cluster.eight``."""

import os
from concurrent.futures import ThreadPoolExecutor

from infraray.emulators.cluster.cluster import Cluster
from tests.emulators.cluster.live import play_case

AT_ONCE = 8


def main() -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        clusters = list(threads.map(lambda _: Cluster(), range(AT_ONCE)))
        right = [not found for _, found in threads.map(play_case, clusters, range(100, 100 + AT_ONCE))]
        for cluster in clusters:
            cluster.close()
    print(f"user {os.getuid()}: {sum(right)} of {AT_ONCE} right")


if __name__ == "__main__":
    main()
