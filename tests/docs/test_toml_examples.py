"""Every ```toml block of the documents is a part of a firstring.toml that `firstring check` finds good."""

import re
import shutil
import tomllib

import pytest

from support.server import BINARY, ROOT, firstring

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/*/README.md")])
PERSONALITIES = {
    data["name"]: data for data in (tomllib.loads(file.read_text()) for file in (ROOT / "data" / "personalities").iterdir())
}
EXAMPLES = {
    f"{document.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}": found.group(1)
    for document in DOCUMENTS
    for text in [document.read_text()]
    for found in re.finditer(r"```toml\n(.*?)```", text, re.DOTALL)
}


def chain_for(certificates, name):
    return {
        "legacy": certificates.legacy_server,
        "modern": certificates.modern_server,
        "sipura": certificates.sipura_server,
        "linksys": certificates.linksys_server,
        "sb": certificates.sb_server,
        "2k": certificates.server_2k,
    }[name]


def put(folder, named, file):
    target = folder / named
    target.parent.mkdir(exist_ok=True)
    shutil.copy(file, target)
    target.chmod(0o600)


def complete(folder, example, certificates):
    """What the example leaves to the reader is added: the files that it names, and the sections that it needs."""
    parts = tomllib.loads(example)
    text = example
    if "listener" not in parts:
        text += '\n[[listener]]\naddress = "127.0.0.1:0"\n'
    names = {name for listener in parts.get("listener", []) for name in listener.get("personalities", [])}
    needed = {"legacy", "modern"} | {PERSONALITIES[name]["chain"] for name in names if name in PERSONALITIES}
    for chain in parts.get("server_chain", []):
        identity = chain_for(certificates, chain["name"])
        put(folder, chain["certificate"], identity.chain)
        put(folder, chain["key"], identity.key)
        needed -= {chain["name"]}
    for name in sorted(needed):
        identity = chain_for(certificates, name)
        text += f'\n[[server_chain]]\nname = "{name}"\ncertificate = "{identity.chain}"\nkey = "{identity.key}"\n'
    for ca in parts.get("device_ca", []):
        put(folder, ca["roots"], certificates.maker_root.certificate)
    if "device_ca" not in parts:
        text += f'\n[[device_ca]]\nname = "maker"\nroots = "{certificates.maker_root.certificate}"\n'
    if "quarantine" in parts:
        put(folder, "pki/quarantine.crt", certificates.quarantine_server.chain)
        put(folder, "pki/quarantine.key", certificates.quarantine_server.key)
    return text


@pytest.mark.parametrize("where", EXAMPLES)
def test_the_example_is_good_and_a_wrong_key_in_it_would_be_found(tmp_path, certificates, where):
    example = EXAMPLES[where]
    if "[quarantine]" in example and not (BINARY.parent / "firstring-quarantine").exists():
        pytest.skip("./dev sslv3 builds what it needs")
    folder = tmp_path / "state"
    firstring("init", folder)
    text = complete(folder, example, certificates)
    (folder / "firstring.toml").write_text(text)
    result = firstring("check", folder, status=None)
    assert (result.returncode, "error:" in result.stdout) == (0, False), result.stdout

    key = re.search(r"^(\w+) = ", example, re.MULTILINE).group(1)
    (folder / "firstring.toml").write_text(text.replace(f"{key} = ", f"{key}x = ", 1))
    assert f"unknown key '{key}x'" in firstring("check", folder, status=1).stdout


def test_there_are_examples():
    assert len(EXAMPLES) >= 3
