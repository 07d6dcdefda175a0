"""A Kubernetes cluster that a kubeconfig names: an application in namespaces of its own, and an agent's way to it."""
