"""Plots of a study, each a function that draws on a figure or on a part of one."""

from infraray.tune.report.plots.importances import draw_importances
from infraray.tune.report.plots.parallel_coordinates import draw_parallel_coordinates
from infraray.tune.report.plots.progress import draw_progress

__all__ = ["draw_importances", "draw_parallel_coordinates", "draw_progress"]
