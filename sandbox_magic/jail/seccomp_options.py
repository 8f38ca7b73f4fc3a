"""The table of socket options, by their level.

Development alone reads it: see `seccomp.py`.  Left out are those that need a capability, those that carry
more of the kernel into reach than a program without a network needs (filters, encapsulation, TLS and other
upper layers, zero copy, busy polling), and those that nobody has asked for.
"""

from __future__ import annotations

import errno

from sandbox_magic.jail.seccomp import Bits, Choice, Values, allowed, refused

_CALLS = ("getsockopt", "setsockopt")
_SOCKET, _IP, _IPV6, _TCP, _NETLINK = 1, 0, 41, 6, 270


def _options(level: int, *values: Values) -> Choice:
    return Choice(calls=_CALLS, argument=2, values=values, otherwise=errno.ENOPROTOOPT, only=Bits(1, level))


LEVEL = Choice(
    calls=_CALLS,
    argument=1,
    values=(allowed("The levels below.", "SOL_SOCKET=1 IPPROTO_IP=0 IPPROTO_IPV6=41 IPPROTO_TCP=6 SOL_NETLINK=270"),),
    otherwise=errno.ENOPROTOOPT,
)

SOCKET = _options(
    _SOCKET,
    allowed(
        "What a socket is, and its state.",
        "SO_TYPE=3 SO_ERROR=4 SO_ACCEPTCONN=30 SO_PROTOCOL=38 SO_DOMAIN=39 SO_PEERCRED=17",
    ),
    allowed(
        "How it behaves: servers, clients, asyncio, Node, the JVM.",
        """SO_DEBUG=1 SO_REUSEADDR=2 SO_DONTROUTE=5 SO_BROADCAST=6 SO_SNDBUF=7 SO_RCVBUF=8 SO_KEEPALIVE=9
        SO_OOBINLINE=10 SO_PRIORITY=12 SO_LINGER=13 SO_REUSEPORT=15 SO_PASSCRED=16 SO_RCVLOWAT=18 SO_SNDLOWAT=19
        SO_RCVTIMEO_OLD=20 SO_SNDTIMEO_OLD=21 SO_BINDTODEVICE=25 SO_TIMESTAMP_OLD=29 SO_TIMESTAMPNS_OLD=35
        SO_RCVTIMEO_NEW=66 SO_SNDTIMEO_NEW=67""",
    ),
    refused("A handle on the host's process, at the other end of descriptor 3.", "SO_PASSPIDFD=76 SO_PEERPIDFD=77"),
)

IP = _options(
    _IP,
    allowed(
        "How packets travel and what is told of them.",
        """IP_TOS=1 IP_TTL=2 IP_PKTINFO=8 IP_MTU_DISCOVER=10 IP_RECVERR=11 IP_RECVTTL=12 IP_RECVTOS=13 IP_MTU=14
        IP_FREEBIND=15 IP_BIND_ADDRESS_NO_PORT=24""",
    ),
    allowed(
        "Multicast, on the loopback.",
        """IP_MULTICAST_IF=32 IP_MULTICAST_TTL=33 IP_MULTICAST_LOOP=34 IP_ADD_MEMBERSHIP=35 IP_DROP_MEMBERSHIP=36
        IP_UNBLOCK_SOURCE=37 IP_BLOCK_SOURCE=38 IP_ADD_SOURCE_MEMBERSHIP=39 IP_DROP_SOURCE_MEMBERSHIP=40
        MCAST_JOIN_GROUP=42 MCAST_BLOCK_SOURCE=43 MCAST_UNBLOCK_SOURCE=44 MCAST_LEAVE_GROUP=45
        MCAST_JOIN_SOURCE_GROUP=46 MCAST_LEAVE_SOURCE_GROUP=47 IP_MULTICAST_ALL=49""",
    ),
)

IPV6 = _options(
    _IPV6,
    allowed(
        "How packets travel and what is told of them.",
        """IPV6_UNICAST_HOPS=16 IPV6_MTU_DISCOVER=23 IPV6_MTU=24 IPV6_RECVERR=25 IPV6_V6ONLY=26 IPV6_RECVPKTINFO=49
        IPV6_PKTINFO=50 IPV6_RECVHOPLIMIT=51 IPV6_HOPLIMIT=52 IPV6_DONTFRAG=62 IPV6_RECVTCLASS=66 IPV6_TCLASS=67
        IPV6_FREEBIND=78""",
    ),
    allowed(
        "Multicast, on the loopback.",
        """IPV6_MULTICAST_IF=17 IPV6_MULTICAST_HOPS=18 IPV6_MULTICAST_LOOP=19 IPV6_ADD_MEMBERSHIP=20
        IPV6_DROP_MEMBERSHIP=21 IPV6_MULTICAST_ALL=29 MCAST_JOIN_GROUP=42 MCAST_BLOCK_SOURCE=43
        MCAST_UNBLOCK_SOURCE=44 MCAST_LEAVE_GROUP=45 MCAST_JOIN_SOURCE_GROUP=46 MCAST_LEAVE_SOURCE_GROUP=47""",
    ),
)

TCP = _options(
    _TCP,
    allowed(
        "How a connection behaves: servers, clients, databases.",
        """TCP_NODELAY=1 TCP_MAXSEG=2 TCP_CORK=3 TCP_KEEPIDLE=4 TCP_KEEPINTVL=5 TCP_KEEPCNT=6 TCP_SYNCNT=7
        TCP_LINGER2=8 TCP_DEFER_ACCEPT=9 TCP_WINDOW_CLAMP=10 TCP_INFO=11 TCP_QUICKACK=12 TCP_CONGESTION=13
        TCP_USER_TIMEOUT=18 TCP_FASTOPEN=23 TCP_NOTSENT_LOWAT=25 TCP_FASTOPEN_CONNECT=30""",
    ),
)

NETLINK = _options(
    _NETLINK,
    allowed(
        "ip, and runtimes that watch the interfaces.",
        """NETLINK_ADD_MEMBERSHIP=1 NETLINK_DROP_MEMBERSHIP=2 NETLINK_CAP_ACK=10 NETLINK_EXT_ACK=11
        NETLINK_GET_STRICT_CHK=12""",
    ),
)

CHOICES = (LEVEL, SOCKET, IP, IPV6, TCP, NETLINK)
