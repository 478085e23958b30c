"""GET over HTTPS: the few REST calls that a live source needs."""

import asyncio
import urllib.error
import urllib.request
from http.client import HTTPException

from paper_bitmart import __version__

TIMEOUT_S = 10.0
BODY_BYTES_MAX = 64 << 20
# BitMart's gateway turns away the user agents of plain HTTP libraries (protocol reference 1.1).
USER_AGENT = f"paper-bitmart/{__version__}"


class RestError(Exception):
    """A GET got no good answer.

    Attributes:
        url, why: what was asked and what went wrong.
        status: of the HTTP answer, None if there was none.
    """

    def __init__(self, url: str, why: str, status: int | None = None) -> None:
        super().__init__(f"{url}: {why}")
        self.url, self.why, self.status = url, why, status


def get(url: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """The body of a 200 answer.

    Raises:
        RestError: unreachable, another status, or a body beyond `BODY_BYTES_MAX`.
    """
    if not url.startswith(("http://", "https://")):
        raise RestError(url, "is not an http or https URL")
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:
            body: bytes = answer.read(BODY_BYTES_MAX + 1)
    except urllib.error.HTTPError as error:
        raise RestError(url, f"HTTP status {error.code} {error.reason}", error.code) from error
    except urllib.error.URLError as error:
        raise RestError(url, f"no answer: {error.reason}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise RestError(url, f"no answer: {error or type(error).__name__}") from error
    if len(body) > BODY_BYTES_MAX:
        raise RestError(url, f"answers more than {BODY_BYTES_MAX} bytes")
    return body


async def fetch(url: str) -> bytes:
    """`get` beside a running event loop. Raises RestError."""
    return await asyncio.to_thread(get, url)
