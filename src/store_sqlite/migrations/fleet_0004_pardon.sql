-- What operators have granted to devices that are not as they were. Written by the command line alone; the server reads
-- it with the rest of the revision.
CREATE TABLE pardon (
  kind TEXT NOT NULL CHECK (kind IN ('unpin', 'amnesty')),
  device TEXT REFERENCES device (mac) ON DELETE CASCADE,  -- NULL: every device
  at INTEGER NOT NULL,
  until INTEGER NOT NULL CHECK (until >= at)
) STRICT;
CREATE UNIQUE INDEX pardon_of_device ON pardon (device, kind);
