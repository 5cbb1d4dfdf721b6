-- What the server has learnt of a device from its own connections. Written by the server alone, and never part of the
-- revision: nothing here changes what a phone gets by itself. Gone with the device.
CREATE TABLE device_record (
  mac TEXT PRIMARY KEY REFERENCES device (mac) ON DELETE CASCADE,
  certificate TEXT NOT NULL,    -- SHA-256 of the pinned certificate, hexadecimal
  key TEXT NOT NULL,            -- SHA-256 of its SubjectPublicKeyInfo, hexadecimal
  pinned_at INTEGER NOT NULL,
  strongest_version INTEGER NOT NULL,  -- the highest TLS version it offered: 769 is TLS 1.0
  address TEXT NOT NULL,        -- that it came from last
  last_seen INTEGER NOT NULL,
  ja3 TEXT NOT NULL,            -- of its last hello
  personality TEXT NOT NULL,    -- that its last handshake succeeded with
  model TEXT NOT NULL,
  firmware TEXT NOT NULL        -- as its User-Agent claimed last
) STRICT, WITHOUT ROWID;
