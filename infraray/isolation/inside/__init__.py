"""What runs inside a sandbox that holds a warm interpreter; it imports nothing but the standard library.

See `infraray.isolation.warm`.
"""
