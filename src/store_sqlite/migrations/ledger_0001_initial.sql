-- The record of connections and requests. docs/reference/ledger.md lists the codes in the text columns. Times are
-- microseconds since 1970-01-01 UTC.

-- Each distinct client certificate once: phones come back for years with the same one.
CREATE TABLE certificate (
  id INTEGER PRIMARY KEY,
  sha256 TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  issuer TEXT NOT NULL,
  der BLOB NOT NULL
) STRICT;

CREATE TABLE connection (
  -- The order of writing; AUTOINCREMENT, so that a number is not used again after old rows were removed.
  written INTEGER PRIMARY KEY AUTOINCREMENT,
  id INTEGER NOT NULL UNIQUE,
  accepted INTEGER NOT NULL,
  -- Microseconds after `accepted`; -1: did not get that far.
  hello_us INTEGER NOT NULL,
  server_flight_us INTEGER NOT NULL,
  client_flight_us INTEGER NOT NULL,
  handshake_us INTEGER NOT NULL,
  closed_us INTEGER NOT NULL,
  listener TEXT NOT NULL,
  address TEXT NOT NULL,
  port INTEGER NOT NULL,
  local_address TEXT NOT NULL,
  local_port INTEGER NOT NULL,
  hello_format TEXT NOT NULL,
  server_name TEXT NOT NULL,
  ja3 TEXT NOT NULL,
  ja4 TEXT NOT NULL,
  personality TEXT NOT NULL,
  personality_reason TEXT NOT NULL,
  outcome TEXT NOT NULL,
  stage TEXT NOT NULL,
  detail TEXT NOT NULL,
  alert TEXT NOT NULL,
  alert_from TEXT NOT NULL,
  alert_code INTEGER NOT NULL,
  version TEXT NOT NULL,
  cipher TEXT NOT NULL,
  key_exchange TEXT NOT NULL,
  key_exchange_bits INTEGER NOT NULL,
  resumed INTEGER NOT NULL CHECK (resumed IN (0, 1)),
  chain TEXT NOT NULL,
  verdict TEXT NOT NULL,
  device_ca TEXT NOT NULL,
  verdict_errors TEXT NOT NULL,  -- a JSON array of texts
  device TEXT NOT NULL,
  assurance TEXT NOT NULL,
  bytes_in INTEGER NOT NULL,
  bytes_out INTEGER NOT NULL,
  certificate INTEGER REFERENCES certificate (id),
  -- Derived: the outcome is other than 'ok', or a request was denied.
  failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
  -- Last, for the ClientHello is the longest and the least read.
  hello BLOB NOT NULL
) STRICT;
CREATE INDEX connection_time ON connection (accepted, id);
CREATE INDEX connection_address ON connection (address, accepted, id);
CREATE INDEX connection_device ON connection (device, id);
-- For the certificates that nothing refers to any more once old rows are removed.
CREATE INDEX connection_certificate ON connection (certificate) WHERE certificate IS NOT NULL;
CREATE INDEX connection_failed ON connection (accepted, id) WHERE failed = 1;

-- `connection` is connection.id without a foreign key: a request is written when it is answered, its connection when it
-- has ended.
CREATE TABLE request (
  written INTEGER PRIMARY KEY,
  connection INTEGER NOT NULL,
  at INTEGER NOT NULL,
  duration_us INTEGER NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  status INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  user_agent TEXT NOT NULL,
  device TEXT NOT NULL,
  decision TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX request_connection ON request (connection, at);
CREATE INDEX request_device ON request (device, connection);
