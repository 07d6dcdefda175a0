"""Plots of a study. A new one is a file and an entry here."""

from infraray.tune.report.plots import importances, parallel_coordinates, progress

PLOTS = (progress.PLOT, importances.PLOT, parallel_coordinates.PLOT)
