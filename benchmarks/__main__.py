"""Every figure of the README: `python -m benchmarks`, some minutes."""

from benchmarks import abr, caching, chat, collector, load_balance, scheduler
from benchmarks.table import print_table

if __name__ == "__main__":
    print_table([row for module in (load_balance, caching, abr, scheduler, collector, chat) for row in module.main()])
