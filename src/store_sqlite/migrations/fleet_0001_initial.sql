-- The configuration database: what decides what phones get. Times are microseconds since 1970-01-01 UTC; MAC addresses
-- are 12 lower-case hexadecimal digits; names are compared byte by byte.

-- One row. The revision rises by one in each transaction that can alter what a phone gets.
CREATE TABLE fleet (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO fleet (id, revision) VALUES (1, 0);

-- A tree: a parent is there before its children, and never changes, so there can be no cycle.
CREATE TABLE device_group (
  name TEXT PRIMARY KEY CHECK (name <> ''),
  parent TEXT REFERENCES device_group (name) CHECK (parent <> name)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  mac TEXT PRIMARY KEY CHECK (length(mac) = 12 AND mac NOT GLOB '*[^0-9a-f]*'),
  model TEXT NOT NULL CHECK (model <> ''),
  serial TEXT NOT NULL,
  device_group TEXT REFERENCES device_group (name),
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Layers. scope_kind is the precedence: 0 base, 1 model, 2 group, 3 device; the later wins. The generated columns are
-- there for their foreign keys.
CREATE TABLE parameter (
  scope_kind INTEGER NOT NULL CHECK (scope_kind BETWEEN 0 AND 3),
  scope_name TEXT NOT NULL CHECK ((scope_name = '') = (scope_kind = 0)),
  name TEXT NOT NULL CHECK (name <> ''),
  class TEXT NOT NULL CHECK (class IN ('public', 'tenant', 'secret')),
  access TEXT CHECK (access IN ('na', 'ro', 'rw')),
  value TEXT NOT NULL,
  sealed BLOB NOT NULL,
  device_group TEXT AS (CASE scope_kind WHEN 2 THEN scope_name END) REFERENCES device_group (name),
  device TEXT AS (CASE scope_kind WHEN 3 THEN scope_name END) REFERENCES device (mac) ON DELETE CASCADE,
  PRIMARY KEY (scope_kind, scope_name, name),
  -- A secret is here only as sealed, and nothing else is sealed.
  CONSTRAINT secret_is_sealed CHECK (CASE class WHEN 'secret' THEN value = '' AND length(sealed) > 0 ELSE length(sealed) = 0 END)
) STRICT, WITHOUT ROWID;
CREATE INDEX parameter_device ON parameter (device) WHERE device IS NOT NULL;

CREATE TABLE line (
  device TEXT NOT NULL REFERENCES device (mac) ON DELETE CASCADE,
  number INTEGER NOT NULL CHECK (number >= 1),
  user TEXT NOT NULL,
  proxy TEXT NOT NULL,
  display TEXT NOT NULL,
  transport TEXT NOT NULL CHECK (transport IN ('udp', 'tcp', 'tls')),
  srtp INTEGER NOT NULL CHECK (srtp IN (0, 1)),
  sealed_password BLOB NOT NULL,
  PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

-- Devices that nobody entered but whose maker certificate was good.
CREATE TABLE pending (
  mac TEXT PRIMARY KEY CHECK (length(mac) = 12 AND mac NOT GLOB '*[^0-9a-f]*'),
  product TEXT NOT NULL,
  serial TEXT NOT NULL,
  address TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  attempts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_last_seen ON pending (last_seen);

-- Times during which such devices are entered by themselves. An empty model is any model.
CREATE TABLE enrolment (
  id INTEGER PRIMARY KEY,
  device_group TEXT REFERENCES device_group (name),
  model TEXT NOT NULL,
  opened INTEGER NOT NULL,
  until INTEGER NOT NULL CHECK (until > opened)
) STRICT;
