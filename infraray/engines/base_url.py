"""The base URL of a server, as given by a person; mostly of an OpenAI-compatible one."""

from __future__ import annotations

from urllib.parse import urlsplit


def check_url(url: str, example: str = "http://host:8000/v1") -> None:
    """Checks that a server can be asked at a base URL.

    Args:
        url: it.
        example: of one, for the error.

    Raises:
        ValueError: one line with what is wrong and an example.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url={url!r}: must begin with http:// or https://")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"url={url!r}: {error}; write it as {example}") from None
    if not parts.hostname:
        raise ValueError(f"url={url!r}: names no host; write it as {example}")
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    if not is_port:
        raise ValueError(f"url={url!r}: its port must be a number from 1 to 65535; write it as {example}")
