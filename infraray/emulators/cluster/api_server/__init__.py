"""A Kubernetes API server in memory, in Python: what real kubectl and the official clients need, and no more.

It is started as a process of its own and spoken to over HTTP only::

    python -I infraray/emulators/cluster/api_server --listen 127.0.0.1:0 --kubeconfig FILE

When it is ready, it prints its URL on a line of its own. The kinds that it stores are in ``kinds/``, their fields
in ``fields/``. It behaves as a kube-apiserver with the admission that is always on, and with these controllers of
kube-controller-manager inside it: garbage collection by owner, and the life of namespaces (with the service account
``default``). Everything else is left to others, who watch and write: who binds pods to nodes (``pods/binding`` or
``spec.nodeName``), runs them and removes them. A pod that has a node is deleted in two steps, as everywhere in
Kubernetes: DELETE marks it, the node's agent ends it and then deletes it with ``gracePeriodSeconds=0``. Logs and
exec go to that agent; `node_proxy` states how.
"""
