"""Exporters: write a run's trajectories in other programs' formats. The index, as flat data by name."""

from infraray.trajectories.exporters.exporter import Exporter, exporters, register_exporter

register_exporter("chat", "infraray.trajectories.exporters.chat:Chat")
register_exporter("sft", "infraray.trajectories.exporters.sft:Sft")
register_exporter("atif", "infraray.trajectories.exporters.atif:Atif")
register_exporter("otlp", "infraray.trajectories.exporters.otlp:Otlp")

__all__ = ["Exporter", "exporters", "register_exporter"]
