"""By which names this app may be asked for, and from whose pages: told by the address that it listens at.

A page from elsewhere can make a browser ask this machine: by its address, or by a name of its own that it lets point
here (DNS rebinding). The first is told by the Origin header, the second by Host; both are checked for every request and
every WebSocket, before Streamlit sees it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from urllib.parse import urlsplit

import psutil

#: Environment variable with further names by which the app is reached, between commas (`upgan app --host` sets it).
HOSTS_VARIABLE = "UPGAN_HOSTS"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Addresses that stand for all of a machine's.
EVERYWHERE = frozenset({"", "0.0.0.0", "::"})
#: Addresses of Streamlit's server that tell of this machine or act on the app, and that no page of it needs.
CLOSED = ("/_stcore/metrics", "/_stcore/agent", "/_stcore/script-health-check")


def names_of(address: str) -> frozenset[str]:
    """The names, in lower case, by which a server that listens at ``address`` is asked for.

    Of one that listens everywhere: what this machine is called, and its addresses. With those of UPGAN_HOSTS.
    """
    given = {name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(",")} - {""}
    if address not in EVERYWHERE:
        return LOOPBACK | {address.lower().strip("[]")} | given
    own = {each.address.partition("%")[0] for nets in psutil.net_if_addrs().values() for each in nets if _is_ip(each)}
    called = socket.gethostname().lower()
    return LOOPBACK | own | {called, f"{called.partition('.')[0]}.local"} | given


def is_own(host: str, allowed: frozenset[str]) -> bool:
    """Whether a Host header names this app: one of the names, with any port."""
    return _name(f"//{host}") in allowed


def is_same_origin(origin: str, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page of this app asks: from the address that it asks for, or from a name given by UPGAN_HOSTS.

    Another port of this machine is another app's.
    """
    name = _name(origin)
    if not name or not origin.startswith(("http://", "https://")):
        return False
    parts = urlsplit(origin)
    return parts.netloc.lower() == host.lower() or (name in allowed - LOOPBACK and parts.port is None)


def _name(url: str) -> str:
    """The host's name in a URL; empty where there is none, or more than a name and a port."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.username is not None or (url.startswith("//") and (parts.path or parts.query or parts.fragment)):
        return ""
    del port  # reading it checks it
    return (parts.hostname or "").rstrip(".")


def _is_ip(each: object) -> bool:
    try:
        ipaddress.ip_address(str(getattr(each, "address", "")).partition("%")[0])
    except ValueError:
        return False
    return True
