"""What runs in a workplace's namespaces, imported by its first process alone."""
