-- Browsers at other sites, for which a proxy asks who is there: on the way there, and once they are there.
CREATE TABLE site_ticket (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL,
    session TEXT NOT NULL,
    site TEXT NOT NULL,
    state TEXT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE site_session (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL,
    session TEXT NOT NULL,
    site TEXT NOT NULL
);
CREATE INDEX site_session_session ON site_session (session);
