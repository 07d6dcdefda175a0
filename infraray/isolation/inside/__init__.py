"""Code that runs inside the sandbox of a warm interpreter; it imports only the standard library.

See `infraray.isolation.warm`.
"""
