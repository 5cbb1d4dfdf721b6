-- Whose a row is, which says what goes first when room is short: 0 a stranger's, 1 of somebody who may be a phone of
-- ours, 2 of a phone whose certificate was accepted (store::Standing). Rows from before count as of known phones: to find
-- out would write every page of a large ledger again, and they go by age.
ALTER TABLE connection ADD COLUMN standing INTEGER NOT NULL DEFAULT 2;
ALTER TABLE request ADD COLUMN standing INTEGER NOT NULL DEFAULT 2;
CREATE INDEX connection_standing ON connection (standing, written);
-- Of known phones, requests go with their connection.
CREATE INDEX request_standing ON request (standing, written) WHERE standing < 2;

-- What was cut: its length and SHA-256 before; 0 and '' where it is whole.
ALTER TABLE connection ADD COLUMN hello_length INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN hello_sha256 TEXT NOT NULL DEFAULT '';
ALTER TABLE request ADD COLUMN target_length INTEGER NOT NULL DEFAULT 0;
ALTER TABLE request ADD COLUMN target_sha256 TEXT NOT NULL DEFAULT '';

-- What is not in the ledger, counted by network and minute. '' is for networks beyond those that are counted apart.
CREATE TABLE gap (
  written INTEGER PRIMARY KEY AUTOINCREMENT,
  network TEXT NOT NULL,
  minute INTEGER NOT NULL,  -- in which it began: minutes since 1970-01-01 UTC
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  connections INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  turned_away INTEGER NOT NULL,
  UNIQUE (network, minute)
) STRICT;
CREATE INDEX gap_last ON gap (last);

-- Connections that live long have a row while they do; a server that starts finds those that one which crashed left.
CREATE INDEX connection_open ON connection (id) WHERE outcome = 'open';
