"""A package index that a workspace may install from, where its run allows one; it opens nothing else of the network.

The proxy passes on the index's page of a project and the files that such a page has named, by names of its own, and
nothing that a page did not name. What the sandbox asks for holds no more than a project's name and a file's.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import aiohttp
from aiohttp import web

from infraray.isolation.packages import interpreter

USER_BASE = "packages"
"""The folder of the workspace in which pip puts packages (Python's user base), so that what is left behind has them."""

PATH = "/packages"
"""Below the proxy's address."""

PIP = "pip"
PIECE_BYTES = 2**16
SILENCE_S = 120.0

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HREF = re.compile(r"""(<a\b[^>]*?\bhref\s*=\s*)(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_PROJECT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_METADATA = ".metadata"


class PackageIndex:
    """Passes on an index of the simple repository API (PEP 503).

    Args:
        url: the index's, such as ``https://pypi.org/simple``.
        told: called with the name and the size of each file that was passed on.
    """

    def __init__(self, url: str, told: Callable[[str, int], None]) -> None:
        self.url = url.rstrip("/")
        self._told = told
        self._files: dict[tuple[str, str], str] = {}
        """The addresses of files that pages have named, by project and name."""
        is_near = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=SILENCE_S), trust_env=not is_near
        )

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers, by path."""
        return {f"{PATH}/{{project}}/": self._page, f"{PATH}/{{project}}/{{file}}": self._file}

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def _page(self, request: web.Request) -> web.Response:
        """A project's page, whose links lead here."""
        project = request.match_info["project"]
        if not _PROJECT.fullmatch(project):
            return web.Response(status=404)
        try:
            async with self._client.get(f"{self.url}/{project}/", headers={"Accept": "text/html"}) as response:
                if response.status != 200:
                    return web.Response(status=404 if response.status < 500 else 502)
                content = await response.read()
                base = str(response.url)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return web.Response(status=502, text=f"the package index does not answer: {type(error).__name__}")

        def here(link: re.Match[str]) -> str:
            given = html.unescape(link[2] if link[3] is None else link[3])
            return f'{link[1]}"{html.escape(self._name(project, urljoin(base, given)))}"'

        text = _HREF.sub(here, content.decode(errors="replace"))
        return web.Response(text=text, content_type="text/html")

    def _name(self, project: str, address: str) -> str:
        """The name, with its hash, by which a file may be asked for from now on; "" for what is none."""
        whole, fragment = urldefrag(address)
        parts = urlsplit(whole)
        name = unquote(parts.path.rpartition("/")[2])
        if parts.scheme not in ("http", "https") or not name or "/" in name:
            return ""
        self._files[project, name] = whole
        return quote(name) + (f"#{fragment}" if fragment else "")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A file, or the metadata beside it (PEP 658)."""
        project, name = request.match_info["project"], request.match_info["file"]
        beside = _METADATA if name.endswith(_METADATA) else ""
        address = self._files.get((project, name.removesuffix(beside)))
        if address is None:
            return web.Response(status=404)
        out = web.StreamResponse()
        size = 0
        try:
            async with self._client.get(address + beside) as response:
                if response.status != 200:
                    return web.Response(status=404 if response.status < 500 else 502)
                if response.content_length is not None and "Content-Encoding" not in response.headers:
                    out.content_length = response.content_length
                await out.prepare(request)
                async for piece in response.content.iter_chunked(PIECE_BYTES):
                    size += len(piece)
                    await out.write(piece)
        except (aiohttp.ClientError, TimeoutError) as error:
            if not out.prepared:
                return web.Response(status=502, text=f"the package index does not answer: {type(error).__name__}")
            assert request.transport is not None
            request.transport.abort()  # half a file must not look like a whole one
            return out
        self._told(name, size)
        return out


def pip_package() -> Path | None:
    """The folder of this environment's pip, which is shown to the agent; None if there is none."""
    # Asked by `importlib.util.find_spec`, setuptools' finder would take distutils out of this process.
    found = PathFinder.find_spec(PIP)
    return None if found is None or found.origin is None else Path(found.origin).parent


def pip_script(shown_in: Path) -> str:
    """A program that runs the shown pip.

    Args:
        shown_in: the folder, inside, in which the package is.
    """
    path = f"{shown_in}${{PYTHONPATH:+:$PYTHONPATH}}"
    return f'#!/bin/sh\nPYTHONPATH="{path}" exec {interpreter()} -m {PIP} "$@"\n'


def variables(port: int, workspace: Path) -> Mapping[str, str]:
    """What leads pip, uv and Python to the index, and to what was installed.

    Args:
        port: the proxy's, inside.
        workspace: the agent's folder, inside.
    """
    url = f"http://127.0.0.1:{port}{PATH}/"
    return {
        "PYTHONUSERBASE": str(workspace / USER_BASE),
        "PIP_INDEX_URL": url,
        "UV_DEFAULT_INDEX": url,
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        # The system's Python cannot be written to: what is installed goes to the user's folder all the same.
        "PIP_BREAK_SYSTEM_PACKAGES": "1",
    }
