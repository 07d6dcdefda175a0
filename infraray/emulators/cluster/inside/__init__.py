"""Code that runs inside a cluster's namespaces, with the standard library and libnftables."""
