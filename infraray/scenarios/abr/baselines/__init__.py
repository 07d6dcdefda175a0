"""The classical policies of adaptive bitrate, one per file."""

from infraray.scenarios.abr.baselines.bola import Bola
from infraray.scenarios.abr.baselines.buffer_based import BufferBased
from infraray.scenarios.abr.baselines.constant import Constant
from infraray.scenarios.abr.baselines.lowest import Lowest
from infraray.scenarios.abr.baselines.mpc import Mpc
from infraray.scenarios.abr.baselines.rate_based import RateBased
from infraray.scenarios.abr.baselines.robust_mpc import RobustMpc

__all__ = ["Bola", "BufferBased", "Constant", "Lowest", "Mpc", "RateBased", "RobustMpc"]
