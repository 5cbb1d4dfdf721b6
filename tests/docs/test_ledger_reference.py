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


def codes(*lists):
    """The enumerators of base/codes.hpp, as they are written: FIRSTRING_DENIALS is a part of two other lists."""
    text = (ROOT / "src" / "base" / "codes.hpp").read_text()
    names = set()
    for one in lists:
        body = re.search(rf"#define FIRSTRING_{one}\(X\)((?:.*\\\n)+.*\n)", text).group(1)
        names |= {name.rstrip("_") for name in re.findall(r"\bX\((\w+)\)", body)}
    assert names, lists
    return names


def test_every_code():
    assert codes("OUTCOMES", "STAGES", "DENIALS", "REASONS", "CAUSES") <= LISTED


def test_every_rule_of_personalities():
    assert found(r'(?:return \{|: |, )[\w.*() ?!=]*, "([a-z_]+)"\}', "policy/personality_choice.cpp") <= LISTED
    assert found(r'"(ladder[a-z_]*)"', "policy/ladder.cpp") <= LISTED
    shipped = "".join(file.read_text() for file in (ROOT / "data" / "personalities").iterdir())
    reasons = set(re.findall(r'^reason = "([a-z_0-9]+)"', shipped, re.MULTILINE))
    assert reasons and reasons <= LISTED


def test_every_field():
    fields = found(r'(?:object|one)\["([a-z0-9_]+)"\]', "ledger/json.cpp")
    assert fields <= LISTED


def test_every_denial_and_every_cause_has_its_words():
    """A reason without words of its own would be told as bad_request."""
    assert found(r"CauseRule\{\s*Cause::(\w+)", "ledger/causes.cpp") == codes("DENIALS", "CAUSES")
