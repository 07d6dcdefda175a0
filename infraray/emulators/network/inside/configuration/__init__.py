"""A machine's network configuration in canonical form: two are equal if and only if nothing was changed."""

from .reader import ConfigurationReader

__all__ = ["ConfigurationReader"]
