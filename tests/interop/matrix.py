"""{client} x {certificate} x {own profile, other's, bootstrap}: what must come of each, whatever the client and whichever
process speaks with it."""

import collections
import itertools
import os

from interop import clients

from support import pki
from support.server import OTHER_SECRET, SECRET

OWN, OTHER, BOOTSTRAP = f"/{pki.OWN_MAC}.xml", f"/{pki.OTHER_MAC}.xml", "/spa504G.cfg"
IDENTITIES = ["own", "other", "none", "generic", "expired", "unknown_ca", "forged"]
SECRETS = {("own", OWN): SECRET, ("other", OTHER): OTHER_SECRET}  # the right cell of each phone

Cell = collections.namedtuple("Cell", "client version identity file")


def cells(kinds):
    """Of these pairs of client and version, all certificates and all files, those that cover the rest: each cell in which a
    secret leaves, and of client, certificate and file each pair at least once. With FIRSTRING_EVERYTHING, every cell."""
    every = [Cell(*kind, identity, file) for kind in kinds for identity in IDENTITIES for file in (OWN, OTHER, BOOTSTRAP)]
    if "FIRSTRING_EVERYTHING" in os.environ:
        return every

    def pairs(cell):
        return set(itertools.combinations(((cell.client, cell.version), cell.identity, cell.file), 2))

    chosen = {cell for cell in every if (cell.identity, cell.file) in SECRETS}
    missing = set().union(*map(pairs, every)) - set().union(*map(pairs, chosen))
    while missing:
        best = max(every, key=lambda cell: len(pairs(cell) & missing))  # the first of the best: always the same
        chosen.add(best)
        missing -= pairs(best)
    return [cell for cell in every if cell in chosen]


def name_of(cell):
    return "-".join(cell).replace("/", "")


def expected(cell, secrets=True):
    """(status, reasons that will do). `secrets`: whether the way to the client is good enough for them."""
    if cell.file == BOOTSTRAP:
        return 200, {"public"}
    if (cell.identity, cell.file) in SECRETS:
        return (200, {"bound"}) if secrets else (403, {"quarantined"})
    reasons = {
        "own": {"other_device"},
        "other": {"other_device"},
        "none": {"no_certificate"},
        "generic": {"generic_certificate"},
        "expired": {"expired"},
        # GnuTLS keeps its certificate to itself when the server does not list its CA.
        "unknown_ca": {"unknown_ca", "no_certificate"},
        "forged": {"bad_signature"},
    }
    return 403, reasons[cell.identity]


def check(cell, output, row, secrets=True):
    """What the client got, and the connection's row in the ledger, are what must come of this cell."""
    status, reasons = expected(cell, secrets)
    assert (row["outcome"], row["status"], row["decision"]) == ("ok", status, "allow" if status == 200 else "deny"), row
    assert row["reason"] in reasons
    assert clients.status_of(output) == status
    assert (row["certificate"] != "") == (row["verdict"] != "none")
    told = {key for key, secret in SECRETS.items() if secret.encode() in output}
    right = {(cell.identity, cell.file)} & SECRETS.keys() if secrets else set()
    assert told == right, "a secret went to the wrong client, or the right one missed its own"
