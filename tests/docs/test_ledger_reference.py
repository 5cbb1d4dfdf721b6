"""docs/reference/ledger.md lists every code that the sources can write into the ledger."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "reference" / "ledger.md").read_text()
LISTED = set(re.findall(r"`([^`]+)`", PAGE))


def found(pattern, *files):
    codes = set()
    for file in files:
        codes |= set(re.findall(pattern, (ROOT / "src" / file).read_text()))
    assert codes, (pattern, files)
    return codes


def test_every_reason_of_a_decision():
    assert found(r'(?:deny\(\d+|allow)\(?,? ?"([a-z_]+)"', "policy/access.cpp") <= LISTED
    assert found(r'reason = "([a-z_]+)"', "provision/answer.cpp") <= LISTED


def test_every_kind_of_bad_request():
    assert found(r'constexpr Refusal \w+\{"([a-z_]+)"', "http/request_reader.cpp") <= LISTED


def test_every_verdict():
    assert found(r'case ChainFault::\w+:\s*return "([a-z_]+)"', "tls/chain_verdict.cpp") <= LISTED


def test_every_outcome_and_stage():
    assert found(r'finish\("([a-z_]+)"', "server/connection.cpp") <= LISTED
    assert found(r'stage_? = "([a-z_]+)"', "server/connection.cpp", "server/connection.hpp") <= LISTED
    assert found(r'case Stage::\w+:\s*return "([a-z_]+)"', "tls/stream.cpp") <= LISTED


def test_every_rule_of_personalities():
    assert found(r'(?:return \{|: |, )[\w.*() ?!=]*, "([a-z_]+)"\}', "policy/personality_choice.cpp") <= LISTED
    assert found(r'"(ladder[a-z_]*)"', "policy/ladder.cpp") <= LISTED
    shipped = "".join(file.read_text() for file in (ROOT / "data" / "personalities").iterdir())
    reasons = set(re.findall(r'^reason = "([a-z_0-9]+)"', shipped, re.MULTILINE))
    assert reasons and reasons <= LISTED


def test_every_field():
    fields = found(r'(?:object|one)\["([a-z0-9_]+)"\]', "ledger/json.cpp")
    assert fields <= LISTED


def test_every_cause():
    assert found(r'Cause\{\s*"([a-z0-9_]+)"', "ledger/causes.cpp") <= LISTED


def test_every_denial_has_its_words():
    """A reason without words of its own would be told as bad_request."""
    causes = found(r'Cause\{\s*"([a-z0-9_]+)"', "ledger/causes.cpp")
    assert found(r'deny\(\d+, ?"([a-z_]+)"', "policy/access.cpp") <= causes
    always_forgiven = {"crl_expired"}
    faults = found(r'case ChainFault::\w+:\s*return "([a-z_]+)"', "tls/chain_verdict.cpp")
    assert faults - always_forgiven <= causes
