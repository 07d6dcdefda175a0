"""A package index of the tests, with two packages of which one needs the other, and a neighbour that nobody names."""

from __future__ import annotations

import hashlib
import io
import zipfile

from aiohttp import web

from tests.served_application import ServedApplication


def wheel(name: str, needs: str = "") -> bytes:
    """A wheel of version 1.0 with a module of its name, which knows the answer."""
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + (f"Requires-Dist: {needs}\n" if needs else "")
    files = {
        f"{name}/__init__.py": "ANSWER = 42\n",
        f"{name}-1.0.dist-info/METADATA": about,
        f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{name}-1.0.dist-info/RECORD"] = "".join(f"{path},,\n" for path in files)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return content.getvalue()


class LocalIndex(ServedApplication):
    """Pages below ``/simple``, files elsewhere, as on PyPI."""

    def __init__(self) -> None:
        self.wheels = {"lever": wheel("lever", "pivot"), "pivot": wheel("pivot")}
        self.asked: list[str] = []
        """The paths of all requests."""

    @property
    def url(self) -> str:
        """The index's."""
        return f"http://127.0.0.1:{self.port}/simple"

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.raw_path)
        folder, _, name = request.path.strip("/").partition("/")
        content = self.wheels.get(name.partition("-")[0])
        if content is None:
            return web.Response(status=404)
        if folder == "simple":
            file = f"../../files/{name}-1.0-py3-none-any.whl#sha256={hashlib.sha256(content).hexdigest()}"
            page = f"<a class=\"x\" href='{file}' data-requires-python='&gt;=3'>{name}</a><a href='file:///etc/passwd'>no</a>"
            return web.Response(text=page, content_type="text/html")
        return web.Response(body=content)
