"""Programs of our own servers, run by their path: their environments need no infraray."""
