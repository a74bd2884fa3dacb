"""Work in a thread of its own, so that no page waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from upgan.errors import UpganError

Result = TypeVar("Result")


class Background(Generic[Result]):
    """Work that began when it was made."""

    #: Errors of the work that are told to people in their own words.
    told_as_is: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, name: str, work: Callable[[], Result]) -> None:
        self._began = time.monotonic()
        self._future = ThreadPoolExecutor(1, name).submit(work)

    @property
    def seconds(self) -> float:
        """How long it has been at it."""
        return time.monotonic() - self._began

    @property
    def running(self) -> bool:
        """Whether it is not over yet."""
        return not self._future.done()

    def result(self) -> Result | None:
        """What came of it, None while it is running. Raises UpganError where nothing could."""
        if self.running:
            return None
        try:
            return self._future.result()
        except self.told_as_is as error:
            raise UpganError(str(error)) from None
