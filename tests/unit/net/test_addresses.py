"""Which addresses are of the public internet."""

import pytest

from sandbox_magic.net.addresses import is_public


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1"]
)
def test_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    """
    0.0.0.0 0.1.2.3 10.0.0.5 100.64.0.1 100.127.255.255 127.0.0.1 127.66.0.1 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.7 224.0.0.1 239.1.1.1 240.0.0.1
    255.255.255.255
    :: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:1.1.1.1 ::ffff:a9fe:a9fe 64:ff9b::127.0.0.1 64:ff9b::10.0.0.1
    64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:0:7f00:1:: 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
    2002:a00:1:: 2002:808:808:: 3fff::1 5f00::1 fc00::1 fd00::1 fe80::1 fe80::1%eth0 2606:4700::1%1 fec0::1 ff02::1
    ff0e::1 4000::1 localhost 127.1 0x7f000001 2130706433
    """.split(),
)
def test_not_public(address):
    assert not is_public(address)
