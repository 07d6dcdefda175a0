"""What scenarios share in which a live system is repaired by commands: how these are judged, paid and told."""
