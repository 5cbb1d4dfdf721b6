-- What a failure is explained from, and what the explanation came to.
ALTER TABLE connection ADD COLUMN cause TEXT NOT NULL DEFAULT '';            -- the stable code of ledger::explain
ALTER TABLE connection ADD COLUMN model TEXT NOT NULL DEFAULT '';            -- device::Model::name, as far as known
ALTER TABLE connection ADD COLUMN firmware TEXT NOT NULL DEFAULT '';         -- as the User-Agent claims it, now or last
ALTER TABLE connection ADD COLUMN likely_device TEXT NOT NULL DEFAULT '';    -- who came from here last with this hello
ALTER TABLE connection ADD COLUMN server_name_shown TEXT NOT NULL DEFAULT '';  -- CN of the certificate that we showed
ALTER TABLE connection ADD COLUMN server_key_bits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connection ADD COLUMN rtt_us INTEGER NOT NULL DEFAULT -1;        -- the kernel's round-trip time
ALTER TABLE connection ADD COLUMN phone_cpu_us INTEGER NOT NULL DEFAULT -1;  -- estimate of the client's own arithmetic
ALTER TABLE connection ADD COLUMN quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1));
ALTER TABLE connection ADD COLUMN capture TEXT NOT NULL DEFAULT '';          -- name of the file in evidence/

CREATE INDEX connection_model ON connection (model, firmware, accepted) WHERE model <> '';

-- What an operator should hear of: a clone, a downgrade, a firmware that stopped working.
CREATE TABLE alarm (
  written INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind <> ''),
  device TEXT NOT NULL,         -- bare MAC address, or ''
  address TEXT NOT NULL,        -- of the peer, or ''
  connection INTEGER NOT NULL,  -- connection.id, or 0
  text TEXT NOT NULL
) STRICT;
CREATE INDEX alarm_time ON alarm (at);
CREATE INDEX alarm_device ON alarm (device, at) WHERE device <> '';
