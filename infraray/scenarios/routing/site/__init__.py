"""The intact network: its addresses and names, and what else belongs there."""

from infraray.scenarios.routing.site.site import Site, draw_site

__all__ = ["Site", "draw_site"]
