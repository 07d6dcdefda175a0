"""Code that runs inside a network's namespaces, with the standard library and Mininet."""
