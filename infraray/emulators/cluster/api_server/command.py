"""The server's command: reads its options, listens, says that it is ready, and serves until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import socket
import ssl
import sys
from pathlib import Path

from .api import Api
from .bootstrap import create_first_objects
from .http_server import Connection
from .kubeconfig import kubeconfig, write_kubeconfig

SERVICE_NETWORK = "10.96.0.0/16"


def main() -> None:
    """Runs the server."""
    parser = argparse.ArgumentParser(prog="api_server", description="A Kubernetes API server in memory.")
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--socket", type=int, metavar="DESCRIPTOR", help="an inherited socket that listens, instead")
    parser.add_argument("--advertise", metavar="HOST", help="address that pods and the kubeconfig use")
    parser.add_argument("--service-network", default=SERVICE_NETWORK, metavar="CIDR", help="addresses of services")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="the bearer token that clients must send")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="certificate in PEM; then it serves TLS")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's key")
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="written when the server is ready")
    given = parser.parse_args()
    if (given.certificate is None) is not (given.key is None):
        parser.error("--certificate: needs --key, and --key needs it")
    try:
        listener = _listen(given.listen, given.socket)
        token = given.token_file.read_text().strip() if given.token_file else None
        certificate = given.certificate.read_text() if given.certificate else ""
        asyncio.run(_serve(listener, given, token, certificate))
    except (OSError, ValueError) as error:
        parser.exit(1, f"api_server: {error}\n")


def _listen(address: str, descriptor: int | None) -> socket.socket:
    if descriptor is not None:
        return socket.socket(fileno=descriptor)
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"--listen: {address!r} is not HOST:PORT")
    return socket.create_server((host.strip("[]"), int(port)), backlog=1024)


async def _serve(listener: socket.socket, given: argparse.Namespace, token: str | None, certificate: str) -> None:
    host, port = listener.getsockname()[:2]
    host = given.advertise or host
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(given.certificate, given.key)
    api = Api(given.service_network, token, certificate)
    create_first_objects(api, given.service_network, host, port)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api.handle, api.refuse), sock=listener, ssl=context)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    url = f"{'https' if certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    if given.kubeconfig is not None:
        write_kubeconfig(given.kubeconfig, kubeconfig(url, token, certificate))
    gc.freeze()
    sys.stdout.write(f"{url}\n")  # tells whoever started it that it is ready, and where
    sys.stdout.flush()
    await over.wait()
    server.close()  # connections end with the process
