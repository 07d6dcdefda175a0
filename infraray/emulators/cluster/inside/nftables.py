"""nftables through libnftables(3), the library behind nft(8): a transaction takes half a millisecond and no process."""

from __future__ import annotations

import ctypes


class Refused(Exception):
    """The kernel or the library refuses a transaction, of which nothing was done."""


class Nftables:
    """The rules of the network in which the calling thread is when this is made. Not thread-safe.

    Raises:
        OSError: the library is not installed.
    """

    def __init__(self) -> None:
        self._library = load()
        self._context = ctypes.c_void_p(self._library.nft_ctx_new(0))
        self._library.nft_ctx_buffer_error(self._context)
        self._library.nft_ctx_buffer_output(self._context)

    def commit(self, commands: str) -> None:
        """Carries out commands in one transaction, all or none.

        Args:
            commands: in the syntax of nft(8), one a line.

        Raises:
            Refused: nothing was changed; the text says why.
        """
        if self._library.nft_run_cmd_from_buffer(self._context, commands.encode()) != 0:
            said = self._library.nft_ctx_get_error_buffer(self._context).decode(errors="replace")
            raise Refused((said.strip().splitlines() or ["no reason was given"])[0])


def load() -> ctypes.CDLL:
    """The library.

    Raises:
        OSError: it is not installed.
    """
    library = ctypes.CDLL("libnftables.so.1")
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library
