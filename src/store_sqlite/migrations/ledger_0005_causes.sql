-- What handshakes cost which phones, kept when their connections have left the ledger. Full handshakes of phones whose
-- certificate names them; firmware is what they claim, so the writer bounds the number of rows.
CREATE TABLE handshake_cost (
  id INTEGER PRIMARY KEY,
  model TEXT NOT NULL,
  firmware TEXT NOT NULL,
  key_exchange TEXT NOT NULL,
  key_exchange_bits INTEGER NOT NULL,
  server_key_bits INTEGER NOT NULL,
  server_hash TEXT NOT NULL,
  count INTEGER NOT NULL,
  sum_us INTEGER NOT NULL,  -- of connection.phone_cpu_us, as min_us and max_us
  min_us INTEGER NOT NULL,
  max_us INTEGER NOT NULL,
  last INTEGER NOT NULL,    -- connection.accepted of the newest
  UNIQUE (model, firmware, key_exchange, key_exchange_bits, server_key_bits, server_hash)
) STRICT;
CREATE INDEX handshake_cost_last ON handshake_cost (last);

-- `firstring ledger --causes` reads these two from end to end and nothing else: of clients whose model is known by model
-- and firmware, of others by their hello.
DROP INDEX connection_model;
CREATE INDEX connection_cause ON connection (model, firmware, failed, cause, accepted) WHERE model <> '';
CREATE INDEX connection_cause_unknown ON connection (ja4, failed, cause, accepted) WHERE model = '';

-- A phone's failed handshakes, by who came from there before.
CREATE INDEX connection_likely_device ON connection (likely_device, id) WHERE likely_device <> '';
