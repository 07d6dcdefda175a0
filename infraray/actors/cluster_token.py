"""A check of whether a Ray cluster lets this process in: with token authentication, it does not answer everybody.

Ray itself tries for twenty seconds and then says that it cannot connect. A single call that every cluster answers
tells at once. The variables and the file are those of Ray's manual, "Token authentication".
"""

from __future__ import annotations

import os
from pathlib import Path

ANSWER_S = 5.0

_METHOD = "/ray.rpc.NodeInfoGcsService/GetClusterId"


def token_problem(address: str) -> str | None:
    """Why the cluster at ``host:port`` refuses this process, and what to do; None if it does not refuse."""
    mode = os.environ.get("RAY_AUTH_MODE", "").lower()
    if mode not in ("", "disabled", "token"):
        return None
    token, source = _own_token()
    if mode == "token" and not token:
        return (
            f"RAY_AUTH_MODE=token, but there is no token in {source}; "
            "copy what 'ray get-auth-token' prints on the cluster's machine into RAY_AUTH_TOKEN"
        )
    if not _refuses(address, token if mode == "token" else None):
        return None
    if mode == "token":
        return (
            f"the cluster takes another token than that of {source}; "
            "copy what 'ray get-auth-token' prints on its machine into RAY_AUTH_TOKEN"
        )
    return f"the cluster asks for a token; set RAY_AUTH_MODE=token, which takes the one of {source}"


def _own_token() -> tuple[str, str]:
    """The token that Ray would send, and where it comes from or would come from."""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return token.strip(), "RAY_AUTH_TOKEN"
    given = os.environ.get("RAY_AUTH_TOKEN_PATH")
    path = Path(given) if given else Path("~/.ray/auth_token").expanduser()
    try:
        return path.read_text().strip(), str(path)
    except (OSError, ValueError):
        return "", str(path)


def _refuses(address: str, token: str | None) -> bool:
    """Whether the cluster rejects the token, or the lack of one."""
    import grpc  # Ray's own dependency

    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    # Ray's own connections do not use a proxy either.
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(_METHOD)(b"", timeout=ANSWER_S, metadata=metadata)
        except (grpc.RpcError, ValueError) as error:
            return isinstance(error, grpc.RpcError) and error.code() == grpc.StatusCode.UNAUTHENTICATED
    return False
