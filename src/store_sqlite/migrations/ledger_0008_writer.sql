-- What the program that writes says of itself. One row. The lag was in user_version before, which holds the schema's
-- version from now on.
CREATE TABLE writer (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  lag INTEGER NOT NULL CHECK (lag >= 0)  -- milliseconds between what happens and its row here, at most
) STRICT;
INSERT INTO writer (id, lag) SELECT 1, max(user_version, 0) FROM pragma_user_version;
