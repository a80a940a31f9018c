-- What a browser shows of a session: the secret of its cookie, one a session.
CREATE TABLE browser_session (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    hash BYTEA NOT NULL
);
CREATE UNIQUE INDEX browser_session_session ON browser_session (session);

-- Somebody in a browser whose password was right (by the hash of its hash), and whose second factor is asked for.
CREATE TABLE sign_in_step (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    hash BYTEA NOT NULL,
    password BYTEA NOT NULL,
    attempts TEXT NOT NULL,
    expires BIGINT NOT NULL
);
