"""Caching: decide, request by request, what a cache of limited size keeps."""
