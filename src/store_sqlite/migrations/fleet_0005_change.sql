-- What each of the last revisions changed, so that a server can read that alone: a bare MAC address, 'none' for what
-- belongs to no one device (groups, the layers above the devices, pardons, captures, enrolment), 'all' for many devices.
CREATE TABLE fleet_change (
  revision INTEGER PRIMARY KEY,
  devices TEXT NOT NULL CHECK (devices IN ('none', 'all') OR (length(devices) = 12 AND devices NOT GLOB '*[^0-9a-f]*'))
) STRICT;
