"""The prediction shared by rate-based policies: the harmonic mean of recent throughputs.

The harmonic mean is the overall throughput of chunks of equal size, so one short burst hardly raises it (Jiang, Sekar
and Zhang, 2012).
"""

from collections.abc import Sequence

from infraray.errors import InfrarayError


def harmonic_mean(throughputs: Sequence[float], window: int) -> float | None:
    """Harmonic mean of the last ``window`` throughputs (Mbit/s, oldest first, 0 is none yet); None without any."""
    measured = [throughput for throughput in throughputs[-window:] if throughput > 0]
    return len(measured) / sum(1 / throughput for throughput in measured) if measured else None


def check_window(window: int) -> int:
    """Returns ``window``.

    Raises:
        InfrarayError: it is not a whole number of at least 1.
    """
    if not isinstance(window, int) or isinstance(window, bool) or window < 1:
        raise InfrarayError(f"window={window!r}: must be a whole number of at least 1")
    return window
