"""Plots of a report, as SVG inside its page. A new one is a file and an entry here."""

from infraray.reports.plots import across_scenarios, differences, distributions, standings

OF_A_SCENARIO = (standings.PLOT, distributions.PLOT, differences.PLOT)
OF_A_RUN = (across_scenarios.PLOT,)
