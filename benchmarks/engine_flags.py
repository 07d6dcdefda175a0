"""The option by which a benchmark's command line gives an engine flags of its own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import yaml


def add_flag_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--flag NAME=VALUE``, which may be repeated."""
    parser.add_argument("--flag", action="append", default=[], metavar="NAME=VALUE", help="a flag of vLLM")


def read_flags(given: Sequence[str]) -> dict[str, Any]:
    """The option's flags, with values as YAML reads them."""
    return {name: yaml.safe_load(value) for name, _, value in (flag.partition("=") for flag in given)}
