-- What every service has. One file for both engines: only BIGINT, TEXT, BYTEA and DOUBLE PRECISION.

-- How far a numbered stream is; its row is the lock that makes numbers gapless.
CREATE TABLE stream (
    name TEXT PRIMARY KEY,
    head BIGINT NOT NULL
);

-- What happened, in order. Nothing here is changed or removed.
CREATE TABLE event (
    position BIGINT PRIMARY KEY,
    aggregate TEXT NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    v BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    request TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (aggregate, version)
);

-- How far a source of others' events was taken, moved in the transaction of what was made of them.
CREATE TABLE inbox (
    source TEXT PRIMARY KEY,
    position TEXT NOT NULL
);

-- The runs of the core that were seen.
CREATE TABLE core_run (
    run TEXT PRIMARY KEY,
    started BIGINT NOT NULL,
    meta TEXT NOT NULL
);
