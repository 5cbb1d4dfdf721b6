-- How long the complete ClientHello waited for its turn, in microseconds; -1: it did not get that far, or that was not
-- measured yet.
ALTER TABLE connection ADD COLUMN queued_us INTEGER NOT NULL DEFAULT -1;
