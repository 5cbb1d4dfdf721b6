"""Nothing depends on the machine's openssl.cnf: Debian's sets a security level and a floor that shut old phones out."""

import pytest

from support import pki
from support.server import Server

HOSTILE = """
openssl_conf = init
[init]
ssl_conf = ssl
providers = providers
alg_section = evp
[providers]
default = default
[default]
activate = 0
[evp]
default_properties = fips=yes
[ssl]
system_default = system_default
[system_default]
MinProtocol = TLSv1.3
CipherString = DEFAULT@SECLEVEL=5
Options = -SessionTicket
"""


@pytest.mark.parametrize("content", [HOSTILE, "this is no configuration [", None])
@pytest.mark.parametrize("version", ["1.0", "1.2", "1.3"])
def test_old_phones_are_served_all_the_same(state, certificates, tmp_path, content, version):
    file = tmp_path / "openssl.cnf"
    if content is not None:
        file.write_text(content)
    with Server(state, env={"OPENSSL_CONF": file}) as server:
        answer = server.get(f"/{pki.OWN_MAC}.xml", certificates.own, version=version)
        assert answer.status == 200
        assert answer.version == {"1.0": "TLSv1", "1.2": "TLSv1.2", "1.3": "TLSv1.3"}[version]
