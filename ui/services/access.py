"""Who may use this app, and for what: a password in front of every page, and trainings that can be switched off."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from collections import deque

from upgan.errors import RunError

#: Environment variable that holds the password; empty or missing: there is none.
PASSWORD_VARIABLE = "UPGAN_PASSWORD"
#: Environment variable that makes the app read-only (`upgan app --no-training` sets it): it writes nothing at all.
READ_ONLY_VARIABLE = "UPGAN_NO_TRAINING"
#: So many wrong passwords within so many seconds, from one address and from all of them together, then nobody may try
#: until the oldest of them is that long ago.
MOST_WRONG, MOST_WRONG_IN_ALL, WINDOW = 5, 60, 60.0


def training_allowed() -> bool:
    """Whether anything may be written here: runs started, stopped and deleted, data made, facts judged."""
    return os.environ.get(READ_ONLY_VARIABLE, "").strip().lower() in ("", "0", "false", "no")


def require_training() -> None:
    """Raise RunError where the app is read-only: what a page hides, a service refuses too."""
    if not training_allowed():
        raise RunError("this app is read-only: nothing can be changed here")


def password_needed() -> bool:
    """Whether this app asks for a password."""
    return bool(os.environ.get(PASSWORD_VARIABLE))


def ticket() -> str:
    """What a session keeps once it gave the password: worthless when the password is another one."""
    return _digest(os.environ.get(PASSWORD_VARIABLE, "")).hex()


def valid_ticket(kept: object) -> bool:
    """Whether a session's ticket is that of the password."""
    return isinstance(kept, str) and hmac.compare_digest(kept, ticket())


class Sessions:
    """Ids of the sessions that gave the password, the latest ones of one process."""

    MOST = 100_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, None] = {}

    def add(self, session: str) -> None:
        """Remember a session; the one that was remembered longest ago goes where there are too many."""
        with self._lock:
            self._ids.pop(session, None)
            self._ids[session] = None
            if len(self._ids) > self.MOST:
                self._ids.pop(next(iter(self._ids)))

    def __contains__(self, session: str) -> bool:
        with self._lock:
            return session in self._ids


#: Those of this process: what the pages know, the server is to know too (ui.serve).
SESSIONS = Sessions()


def signed_in(session: str) -> bool:
    """Whether requests of this session are to be served."""
    return not password_needed() or session in SESSIONS


class Attempts:
    """Wrong passwords of the last minute; guards the password of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: deque[tuple[float, str]] = deque()

    def admit(self, password: str, address: str, now: float | None = None) -> bool:
        """Whether this is the password. Raises RunError, without looking at it, after too many wrong ones."""
        now = time.monotonic() if now is None else now
        with self._lock:
            while self._wrong and self._wrong[0][0] <= now - WINDOW:
                self._wrong.popleft()
            own = [when for when, whose in self._wrong if whose == address]
            everybody = [when for when, _ in self._wrong]
            for times, most in ((own, MOST_WRONG), (everybody, MOST_WRONG_IN_ALL)):
                if len(times) >= most:
                    wait = times[-most] + WINDOW - now
                    raise RunError(f"too many wrong passwords: try again in {wait:.0f} s")
            right = hmac.compare_digest(_digest(password), _digest(os.environ.get(PASSWORD_VARIABLE, "")))
            if not right:
                self._wrong.append((now, address))
            return right


#: Those of this process, shared by all its sessions.
ATTEMPTS = Attempts()


def _digest(text: str) -> bytes:
    """Of one length, so that a comparison tells nothing of the password's."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
