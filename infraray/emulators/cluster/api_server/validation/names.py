"""Names, label keys and values, as RFC 1035, RFC 1123 and Kubernetes allow them."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_RFC_1035_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_ENV_NAME = re.compile(r"[ -<>-~]+")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")


def label_problem(name: str) -> str:
    """Why it is no DNS label of RFC 1123; empty if it is one."""
    if len(name) > 63:
        return "must be no more than 63 characters"
    if not _LABEL.fullmatch(name):
        return "a lowercase RFC 1123 label has only a-z, 0-9 and '-', and begins and ends with a letter or digit"
    return ""


def rfc_1035_label_problem(name: str) -> str:
    """Why it is no DNS label of RFC 1035; empty if it is one."""
    if len(name) > 63:
        return "must be no more than 63 characters"
    if not _RFC_1035_LABEL.fullmatch(name):
        return "a DNS-1035 label has only a-z, 0-9 and '-', begins with a letter and ends with a letter or digit"
    return ""


def subdomain_problem(name: str) -> str:
    """Why it is no DNS subdomain of RFC 1123; empty if it is one."""
    if len(name) > 253:
        return "must be no more than 253 characters"
    if not _SUBDOMAIN.fullmatch(name):
        return (
            "a lowercase RFC 1123 subdomain has only a-z, 0-9, '-' and '.', and begins and ends with a letter or digit"
        )
    return ""


def label_key_problem(key: str) -> str:
    """Why it is no key of a label or annotation; empty if it is one."""
    prefix, slash, name = key.rpartition("/")
    if slash and (problem := subdomain_problem(prefix)):
        return f"prefix part {problem}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:
        return "name part must be no more than 63 characters"
    if not _QUALIFIED.fullmatch(name):
        return "name part has only letters, digits, '-', '_' and '.', and begins and ends with a letter or digit"
    return ""


def label_value_problem(value: str) -> str:
    """Why it is no value of a label; empty if it is one."""
    if len(value) > 63:
        return "must be no more than 63 characters"
    if not _LABEL_VALUE.fullmatch(value):
        return "a valid label value has only letters, digits, '-', '_' and '.', begins and ends with a letter or digit"
    return ""


def port_name_problem(name: str) -> str:
    """Why it is no service name of RFC 6335; empty if it is one."""
    if len(name) > 15:
        return "must be no more than 15 characters"
    if not re.fullmatch(r"[-a-z0-9]+", name):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search(r"[a-z]", name):
        return "must contain at least one letter (a-z)"
    if "--" in name:
        return "must not contain consecutive hyphens"
    if name[0] == "-" or name[-1] == "-":
        return "must not begin or end with a hyphen"
    return ""


def port_number_problem(port: int) -> str:
    """Why it is no port; empty if it is one."""
    return "" if 1 <= port <= 65535 else "must be between 1 and 65535, inclusive"


def env_name_problem(name: str) -> str:
    """Why it is no name of an environment variable; empty if it is one."""
    return "" if _ENV_NAME.fullmatch(name) else "an environment variable's name has printable characters other than '='"


def data_key_problem(key: str) -> str:
    """Why it is no key of a config map or secret; empty if it is one."""
    if len(key) > 253:
        return "must be no more than 253 characters"
    if key in (".", "..") or key.startswith(".."):
        return "must not be '.' and must not begin with '..'"
    if not _DATA_KEY.fullmatch(key):
        return "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    return ""
