"""A downloader for pooch that goes on where an interrupted one stopped.

What has arrived lies in a part file beside the target. It is continued only where the server says that its file is
still the same one (If-Range with its ETag or date); a server without ranges is read from the start again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from upgan.errors import DownloadError
from upgan.files import read_object

ATTEMPTS = 4
#: Seconds to connect, and between two pieces.
TIMEOUT = (10, 60)
_PIECE = 1 << 16
Progress = Callable[[int, int], None]


class RangedDownloader:
    """Called by pooch with (url, output file, pooch); ``part``: where the unfinished file is kept between calls."""

    def __init__(self, part: Path, progress: Progress | None = None, pause: float = 1.0) -> None:
        self._part = part
        self._about = part.with_name(part.name + ".json")
        self._progress = progress or (lambda done, total: None)
        self._pause = pause

    def __call__(self, url: str, output_file: Any, pooch: Any, check_only: bool = False) -> None:
        """Raises DownloadError in one line where the server refuses or cannot be reached, also after retries."""
        for attempt in range(ATTEMPTS):
            try:
                self._go_on(url)
                break
            except requests.HTTPError as error:
                answer = error.response
                assert answer is not None  # raise_for_status gives it
                problem = f"the server answers {answer.status_code} {answer.reason}"
                if answer.status_code < 500 and answer.status_code != 429:
                    raise DownloadError(f"{url}: {problem}") from error
            except requests.RequestException as error:
                problem = _in_words(error)
            if attempt + 1 == ATTEMPTS:
                kept = f"; {self._have():,} bytes are kept, the same command goes on there" if self._have() else ""
                raise DownloadError(f"{url}: {problem} ({ATTEMPTS} attempts){kept}")
            time.sleep(self._pause * 2**attempt)
        shutil.copyfile(self._part, output_file)
        self.forget()

    def forget(self) -> None:
        """Remove what was kept of an unfinished file."""
        self._part.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def _have(self) -> int:
        return self._part.stat().st_size if self._part.is_file() else 0

    def _go_on(self, url: str) -> None:
        """One request; afterwards the part file is whole, or an exception tells why not."""
        have, validator = self._have(), self._validator(url)
        # Compressed on the way, a range would be one of the compressed bytes.
        headers = {"Accept-Encoding": "identity"}
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:
                # The part is longer than the file: it is of another one.
                self.forget()
                raise requests.ConnectionError("the file has changed on the server")
            answer.raise_for_status()
            continued = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(
                f"bytes {have}-"
            )
            if answer.status_code == 206 and not continued:
                self.forget()
                raise requests.ConnectionError("the server sent another range than the one asked for")
            done = have if continued else 0
            length = int(answer.headers.get("Content-Length", 0))
            self._about.write_text(json.dumps({"url": url, "validator": _validator_of(answer)}), encoding="utf-8")
            with self._part.open("ab" if continued else "wb") as stream:
                for piece in answer.iter_content(_PIECE):
                    stream.write(piece)
                    done += len(piece)
                    self._progress(done, max(done, length + (have if continued else 0)))

    def _validator(self, url: str) -> str:
        try:
            record = read_object(self._about)
            return str(record["validator"]) if record["url"] == url else ""
        except (OSError, ValueError, KeyError):
            return ""


def _validator_of(answer: requests.Response) -> str:
    """What If-Range takes: a strong ETag, or else the date of the last change."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _in_words(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        named = "Range" in str(error) or "range" in str(error) or "changed" in str(error)
        return str(error) if named else "cannot be reached; is this machine offline?"
    return " ".join(str(error).split())[:200]
