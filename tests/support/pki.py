"""Certificates of a made-up phone maker, good and bad, made by the `openssl` program and not by the code under test.

The layouts are those of real phones (two subject layouts, the shared generic certificate); the faults are those that a
server on the open internet meets.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

OWN_MAC = "000e08abcdef"
OTHER_MAC = "708105b37234"

_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = unused
[ca]
default_ca = authority
[authority]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
unique_subject = no
policy = anything
preserve = yes
default_md = sha256
[anything]
countryName = optional
stateOrProvinceName = optional
localityName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
emailAddress = optional
serialNumber = optional
"""


def openssl(*arguments, folder):
    """Runs `openssl` with a configuration of ours, since the machine's own may forbid weak things."""
    environment = {**os.environ, "OPENSSL_CONF": str(folder / "openssl.cnf")}
    result = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=120
    )
    if result.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {result.stderr}")
    return result.stdout


@dataclasses.dataclass(frozen=True)
class Identity:
    """A certificate with its key. `chain` is what its owner sends: the leaf and what comes after it."""

    name: str
    certificate: pathlib.Path
    key: pathlib.Path
    chain: pathlib.Path

    @functools.cached_property
    def pkcs12(self):
        """Chain and key as PKCS#12 with the password `secret`, for NSS and Java."""
        path = self.chain.with_suffix(".p12")
        if not path.exists():
            leaf_and_more = ["-in", self.chain, "-inkey", self.key, "-name", self.name]
            made = path.with_suffix(f".{os.getpid()}")
            openssl("pkcs12", "-export", *leaf_and_more, "-passout", "pass:secret", "-out", made, folder=path.parent.parent)
            made.rename(path)  # another process may be at it too
        return path

    def fingerprint(self):
        text = openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256", folder=self.chain.parent.parent)
        return text.split("=")[1].strip().replace(":", "").lower()


def _time(year):
    return f"{year}0101000000Z"


class Pki:
    """All certificates that the tests need; each is made when it is first asked for and then kept in `folder`, which several
    processes may share and which outlives them: what is in it is never changed. A certificate lies in a folder of its own,
    named after it and after a digest of everything that it was made from."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            for file, text in (("index.txt", ""), ("openssl.cnf", _CONFIG.format(folder=self.folder))):
                if not (self.folder / file).exists():
                    (self.folder / file).write_text(text)

    @contextlib.contextmanager
    def _alone(self):
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def kept(self, name, recipe, make):
        """The folder of what `make` puts into a folder that it is given, made once for this recipe."""
        folder = self.folder / f"{name}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]}"
        if not folder.exists():
            with self._alone():
                if not folder.exists():
                    unfinished = self.folder / f"{folder.name}.unfinished"
                    shutil.rmtree(unfinished, ignore_errors=True)
                    unfinished.mkdir()
                    make(unfinished)
                    unfinished.rename(folder)
        return folder

    def _key(self, path, kind):
        if kind == "ec":
            options = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        else:
            options = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind}"]
        openssl("genpkey", *options, "-out", path, folder=self.folder)
        path.chmod(0o600)

    def make(self, name, subject, issuer=None, *, key=1024, md="sha1", years=(2006, 2036), extensions="", send=()):
        """One certificate. `issuer` None: self-signed. `key`: RSA bits, "ec" or an Identity whose key to share.
        `send`: what follows the leaf."""
        recipe = (
            subject, issuer and issuer.certificate.parent.name, key.key.parent.name if isinstance(key, Identity) else key, md,
            years, extensions, [one.certificate.parent.name for one in send],
        )  # fmt: skip

        def make(folder):
            key_file = folder / f"{name}.key"
            if isinstance(key, Identity):
                shutil.copy(key.key, key_file)
            else:
                self._key(key_file, key)
            request, certificate, extension_file = (folder / f"{name}.{ending}" for ending in ("csr", "crt", "ext"))
            extension_file.write_text(extensions)
            openssl("req", "-new", "-utf8", "-key", key_file, "-subj", subject, "-out", request, folder=self.folder)
            if issuer is None:
                who = ["-selfsign", "-keyfile", key_file]
            else:
                who = ["-cert", issuer.certificate, "-keyfile", issuer.key]
            openssl(
                "ca", "-batch", "-notext", "-config", self.folder / "openssl.cnf", *who, "-in", request, "-out", certificate,
                "-md", md, "-startdate", _time(years[0]), "-enddate", _time(years[1]), "-extfile", extension_file,
                folder=self.folder,
            )  # fmt: skip
            sent = "".join(one.certificate.read_text() for one in send)
            (folder / f"{name}.chain.pem").write_text(certificate.read_text() + sent)

        folder = self.kept(name, recipe, make)
        return Identity(name, folder / f"{name}.crt", folder / f"{name}.key", folder / f"{name}.chain.pem")

    def crl(self, name, issuer, revoked=(), *, years=(2006, 2036), form="PEM"):
        """The issuer's list of these revoked certificates, which was made and is due on the 1st of January of `years`."""

        def make(folder):
            end, since = "360101000000Z", "200101000000Z"
            serials = [
                openssl("x509", "-in", one.certificate, "-noout", "-serial", folder=self.folder).strip().split("=")[1]
                for one in revoked
            ]
            # The columns of ca(1)'s database: status, end, revocation, serial number, file, subject.
            lines = [f"R\t{end}\t{since}\t{serial}\tunknown\t/CN={serial}\n" for serial in serials]
            (folder / "index.txt").write_text("".join(lines))
            (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
            path = folder / f"{name}.crl"
            openssl(
                "ca", "-gencrl", "-config", folder / "openssl.cnf", "-cert", issuer.certificate, "-keyfile", issuer.key,
                "-crl_lastupdate", _time(years[0]), "-crl_nextupdate", _time(years[1]), "-out", path, folder=folder,
            )  # fmt: skip
            if form == "DER":
                openssl("crl", "-in", path, "-outform", "DER", "-out", path, folder=folder)

        recipe = ("crl", issuer.certificate.parent.name, [one.certificate.parent.name for one in revoked], years, form)
        return self.kept(name, recipe, make) / f"{name}.crl"

    # ---- authorities --------------------------------------------------------------------------------------------------

    @functools.cached_property
    def maker_root(self):
        return self.make("maker-root", "/O=Cisco Systems/CN=Cisco Small Business Client Root", extensions=_CA)

    @functools.cached_property
    def md5_root(self):
        return self.make("md5-root", "/O=Sipura Technology/CN=Sipura Client Root", md="md5", extensions=_CA)

    @functools.cached_property
    def intermediate(self):
        return self.make("intermediate", "/O=Cisco Systems/CN=Phone Issuing CA", self.maker_root, extensions=_CA)

    @functools.cached_property
    def strict_root(self):
        return self.make(
            "strict-root", "/O=Cisco Systems/CN=Multiplatform Phone Client Root", key=2048, md="sha256", extensions=_CA
        )

    @functools.cached_property
    def forgiving_root(self):
        return self.make("forgiving-root", "/O=Linksys/CN=Linksys Client Root", extensions=_CA)

    @functools.cached_property
    def expired_root(self):
        return self.make("expired-root", "/O=Cisco Systems/CN=Old Client Root", years=(2006, 2016), extensions=_CA)

    @functools.cached_property
    def below_expired_root(self):
        return self.phone("below-expired-root", OWN_MAC, self.expired_root)

    @functools.cached_property
    def stranger_root(self):
        return self.make("stranger-root", "/O=Somebody/CN=Some Other Root", extensions=_CA)

    @functools.cached_property
    def server_root(self):
        return self.make("server-root", "/O=Provider/CN=Server Root", key=2048, md="sha256", extensions=_CA)

    # ---- servers ------------------------------------------------------------------------------------------------------

    @functools.cached_property
    def legacy_server(self):
        return self.make("legacy-server", "/CN=localhost", self.server_root, extensions=_SERVER)

    @functools.cached_property
    def quarantine_server(self):
        return self.make("quarantine-server", "/CN=localhost", self.server_root, extensions=_SERVER)

    @functools.cached_property
    def modern_server(self):
        return self.make("modern-server", "/CN=localhost", self.server_root, key=2048, md="sha256", extensions=_SERVER)

    @functools.cached_property
    def expired_server(self):
        return self.make(
            "expired-server", "/CN=localhost", self.server_root, key=2048, md="sha256", years=(2010, 2020), extensions=_SERVER
        )

    # The CAs of the makers' firmware, the first three with what phones of before 2010 can verify, and a server of each.

    @functools.cached_property
    def sipura_root(self):
        return self.make("sipura-root", "/O=Sipura Technology/CN=Sipura Server Root", extensions=_CA)

    @functools.cached_property
    def linksys_root(self):
        return self.make("linksys-root", "/O=Linksys/CN=Linksys Server Root", extensions=_CA)

    @functools.cached_property
    def sb_root(self):
        return self.make("sb-root", "/O=Cisco/CN=Small Business Root", extensions=_CA)

    @functools.cached_property
    def root_2k(self):
        return self.make("2k-root", "/O=Cisco/CN=Small Business Root 2k", key=2048, md="sha256", extensions=_CA)

    @functools.cached_property
    def sipura_server(self):
        return self.make("sipura-server", "/CN=localhost", self.sipura_root, extensions=_SERVER)

    @functools.cached_property
    def linksys_server(self):
        return self.make("linksys-server", "/CN=localhost", self.linksys_root, extensions=_SERVER)

    @functools.cached_property
    def sb_server(self):
        return self.make("sb-server", "/CN=localhost", self.sb_root, extensions=_SERVER)

    @functools.cached_property
    def server_2k(self):
        return self.make("2k-server", "/CN=localhost", self.root_2k, key=2048, md="sha256", extensions=_SERVER)

    @functools.cached_property
    def ecdsa_server(self):
        return self.make("ecdsa-server", "/CN=localhost", self.server_root, key="ec", md="sha256", extensions=_SERVER)

    # ---- phones -------------------------------------------------------------------------------------------------------

    def phone(self, name, mac, issuer=None, product="SPA-504G", serial="CBT12345678", **options):
        """The layout of the maker's documents: product in OU, serial in L, MAC in ST."""
        options.setdefault("extensions", _CLIENT)
        return self.make(name, f"/OU={product}/L={serial}/ST={mac}", issuer or self.maker_root, **options)

    @functools.cached_property
    def own(self):
        return self.phone("own", OWN_MAC)

    @functools.cached_property
    def own_renewed(self):
        """The same phone and key, another certificate."""
        return self.phone("own-renewed", OWN_MAC, key=self.own)

    @functools.cached_property
    def own_second(self):
        """The same phone, another key: as good as the first to all but a pin."""
        return self.phone("own-second", OWN_MAC)

    @functools.cached_property
    def other(self):
        """The layout seen on a real SPA525G2: upper case, commas and colons inside CN, OU is not the product."""
        mac = OTHER_MAC.upper()
        subject = (
            f"/C=US/ST={mac}/L=CBT153908BX/O=Cisco Systems, Inc./OU=cisco.com"
            f"/CN=SPA-525G2, MAC: {mac}, Serial: CBT153908BX/emailAddress=linksys-certadmin@cisco.com"
        )
        return self.make("other", subject, self.maker_root, extensions=_CLIENT)

    @functools.cached_property
    def yealink_issuer(self):
        """By its name, subjects are read as this maker writes them."""
        return self.make(
            "yealink-issuer", "/O=Yealink/CN=Yealink Equipment Issuing CA", key=2048, md="sha256", extensions=_CA
        )

    def yealink(self, name, subject, **options):
        return self.make(name, subject, self.yealink_issuer, key=2048, md="sha256", extensions=_CLIENT, **options)

    @functools.cached_property
    def generic(self):
        subject = "/OU=cisco.com/L=ciscogeneric/ST=ciscogeneric"
        return self.make("generic", subject, self.maker_root, extensions=_CLIENT)

    @functools.cached_property
    def expired(self):
        return self.phone("expired", OWN_MAC, years=(2006, 2016))

    @functools.cached_property
    def expired_forgiven(self):
        return self.phone("expired-forgiven", OWN_MAC, self.forgiving_root, years=(2006, 2016))

    @functools.cached_property
    def not_yet_valid(self):
        return self.phone("not-yet-valid", OWN_MAC, years=(datetime.date.today().year + 5, datetime.date.today().year + 10))

    @functools.cached_property
    def unknown_ca(self):
        return self.phone("unknown-ca", OWN_MAC, self.stranger_root)

    @functools.cached_property
    def self_signed(self):
        return self.make("self-signed", f"/OU=SPA-504G/L=CBT12345678/ST={OWN_MAC}", extensions=_CLIENT)

    @functools.cached_property
    def forged(self):
        """The maker's name as issuer, but the key of a forger signed it."""
        return self.phone("forged", OWN_MAC, self._same_name_root)

    @functools.cached_property
    def forged_expired(self):
        return self.phone("forged-expired", OWN_MAC, self._same_name_root, years=(2006, 2016))

    @functools.cached_property
    def _same_name_root(self):
        return self.make("same-name-root", "/O=Cisco Systems/CN=Cisco Small Business Client Root", extensions=_CA)

    @functools.cached_property
    def wrong_purpose(self):
        return self.phone("wrong-purpose", OWN_MAC, extensions=_LEAF + "extendedKeyUsage = serverAuth\n")

    @functools.cached_property
    def leaf_alone(self):
        """Issued by the intermediate, which it does not send."""
        return self.phone("leaf-alone", OWN_MAC, self.intermediate)

    @functools.cached_property
    def with_intermediate(self):
        return self.phone("with-intermediate", OWN_MAC, self.intermediate, send=(self.intermediate,))

    @functools.cached_property
    def chain_of_100(self):
        below, sent = self.maker_root, []
        for number in range(99):
            below = self.make(
                f"chain-{number}", f"/CN=Chain CA {number}", below, key=self.maker_root, extensions=_CA
            )
            sent.insert(0, below)
        return self.phone("chain-of-100", OWN_MAC, below, send=tuple(sent))

    @functools.cached_property
    def ecdsa(self):
        return self.phone("ecdsa", OWN_MAC, key="ec", md="sha256")

    @functools.cached_property
    def md5(self):
        return self.phone("md5", OWN_MAC, self.md5_root, md="md5")

    @functools.cached_property
    def modern(self):
        return self.phone("modern", OWN_MAC, self.strict_root, key=2048, md="sha256")

    @functools.cached_property
    def weak_key(self):
        """1024 bits below a CA whose rule wants 2048."""
        return self.phone("weak-key", OWN_MAC, self.strict_root, key=1024, md="sha256")

    @functools.cached_property
    def weak_hash(self):
        return self.phone("weak-hash", OWN_MAC, self.strict_root, key=2048, md="sha1")

    @functools.cached_property
    def eleven_digits(self):
        return self.phone("eleven-digits", OWN_MAC[:-1])

    @functools.cached_property
    def two_macs(self):
        """ST and CN name different phones."""
        subject = f"/ST={OWN_MAC.upper()}/L=CBT153908BX/CN=SPA-525G2, MAC: {OTHER_MAC.upper()}, Serial: CBT153908BX"
        return self.make("two-macs", subject, self.maker_root, extensions=_CLIENT)

    @functools.cached_property
    def stranger(self):
        """A good certificate of a phone that nobody entered."""
        return self.phone("stranger", "001122334455", serial="CBT00000001")

    def by_name(self, name):
        """An Identity by its attribute ("unknown_ca"), or None for "none"."""
        return None if name == "none" else getattr(self, re.sub(r"\W", "_", name))


# Key identifiers are left out: makers of 2006 had none, and with them a forgery would merely look unrelated.
_BARE = "subjectKeyIdentifier = none\nauthorityKeyIdentifier = none\n"
_CA = _BARE + "basicConstraints = critical,CA:TRUE\n"
_LEAF = _BARE + "basicConstraints = CA:FALSE\n"
_CLIENT = _LEAF + "extendedKeyUsage = clientAuth\n"
_SERVER = _LEAF + "extendedKeyUsage = serverAuth\nsubjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1\n"
