"""The intact application: what runs, who may connect to whom, and the policies that see to it."""

from infraray.scenarios.kubernetes_policy.site.application import Application, Workload
from infraray.scenarios.kubernetes_policy.site.site import Site, draw_site

__all__ = ["Application", "Site", "Workload", "draw_site"]
