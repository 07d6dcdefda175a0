"""What a network is like while it is whole: how it is numbered, and what else belongs there."""

from infraray.scenarios.routing.site.site import Site, draw_site

__all__ = ["Site", "draw_site"]
