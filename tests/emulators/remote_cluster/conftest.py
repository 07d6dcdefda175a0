from collections.abc import Iterator

import pytest

from infraray.emulators.cluster.cluster import Cluster
from infraray.emulators.remote_cluster import attempts
from tests.emulators.remote_cluster.remote import reachable, write_kubeconfig


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that the kubeconfig leads to, as somebody sees it who is there."""
    file = tmp_path_factory.mktemp("remote") / "kubeconfig"
    with Cluster(pods=6) as cluster, reachable(cluster) as port, pytest.MonkeyPatch.context() as patch:
        write_kubeconfig(file, port)
        patch.setenv("KUBECONFIG", str(file))
        patch.setattr(attempts, "WAIT_S", 0.5)  # what is late on a busy machine is attempted again
        yield cluster
