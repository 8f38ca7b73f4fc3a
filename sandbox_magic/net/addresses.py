"""Whether an address is one of the public internet: a rule of what is, not a list of what is not."""

from __future__ import annotations

import ipaddress

_UNICAST = ipaddress.IPv6Network("2000::/3")  # the one block that is handed out (RFC 4291)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)
_NOT_OF_HOSTS = (
    ipaddress.IPv4Network("192.88.99.0/24"),  # relays of 6to4, withdrawn
    ipaddress.IPv6Network("2002::/16"),  # 6to4: leads to the IPv4 address that is in it
    ipaddress.IPv6Network("2001::/32"),  # Teredo, likewise
    ipaddress.IPv6Network("2001:10::/28"),  # ORCHID, and the next: no addresses of the network
    ipaddress.IPv6Network("2001:20::/28"),
    ipaddress.IPv6Network("3fff::/20"),  # documentation (RFC 9637), which Python 3.11 does not know
)


def is_public(text: str) -> bool:
    """Return whether an address leads to the public internet, and nowhere that only this machine can reach.

    It does not if it is loopback, link-local, private, shared (100.64.0.0/10), unique-local, multicast, reserved,
    unspecified, or of documentation; nor if it has an IPv4 address in it, but for NAT64 where that is public.

    Args:
        text: An IPv4 or IPv6 address; one with a zone (``fe80::1%eth0``) is never public.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id:
            return False
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(address.packed[-4:])))
        if address not in _UNICAST:
            return False
    elif address.is_reserved:
        return False
    own = [block for block in _NOT_OF_HOSTS if block.version == address.version]
    return address.is_global and not address.is_multicast and not any(address in block for block in own)
