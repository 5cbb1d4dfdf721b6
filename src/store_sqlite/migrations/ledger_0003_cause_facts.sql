-- What a client may have disliked about us.
ALTER TABLE connection ADD COLUMN server_hash TEXT NOT NULL DEFAULT '';  -- the newest hash that signed the chain shown
ALTER TABLE connection ADD COLUMN server_name_matches INTEGER NOT NULL DEFAULT -1 CHECK (server_name_matches IN (-1, 0, 1));
ALTER TABLE connection ADD COLUMN asked_renegotiation INTEGER NOT NULL DEFAULT 0 CHECK (asked_renegotiation IN (0, 1));
