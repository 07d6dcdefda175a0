"""Every figure of docs/figures.md that needs no engine: `python -m benchmarks`, some twenty minutes."""

from benchmarks import (
    abr,
    api_server,
    caching,
    capacity_planning,
    chat,
    cluster,
    collector,
    emulator,
    load_balance,
    probing,
    report,
    routing,
    scheduler,
    startup,
)
from benchmarks.table import print_table

MEASURED = (
    load_balance,
    caching,
    abr,
    capacity_planning,
    scheduler,
    report,
    collector,
    chat,
    emulator,
    api_server,
    cluster,
    routing,
    probing,
    startup,
)

if __name__ == "__main__":
    print_table([row for module in MEASURED for row in module.main()])
