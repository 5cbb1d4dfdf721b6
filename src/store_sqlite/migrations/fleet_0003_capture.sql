-- Orders to capture the next connections of somebody, and the files in evidence/ that came of them. An order is over
-- when its time has passed or it has all the connections it wanted; it stays for a while, so that one can look it up.
CREATE TABLE capture_order (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  who TEXT NOT NULL CHECK (who <> ''),  -- a bare MAC address, an IP address, or 'next'
  ordered INTEGER NOT NULL,
  until INTEGER NOT NULL,
  wanted INTEGER NOT NULL CHECK (wanted >= 1)
) STRICT;

CREATE TABLE capture_file (
  capture_order INTEGER NOT NULL REFERENCES capture_order (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  PRIMARY KEY (capture_order, name)
) STRICT, WITHOUT ROWID;
