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

-- Answers of commands that carried a key, so that the same request again does nothing and gets the same.
CREATE TABLE idempotency (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash BYTEA NOT NULL,
    status BIGINT NOT NULL,
    head TEXT NOT NULL,
    body TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_expires ON idempotency (expires);

-- Who did what, each entry with the hash of the one before (docs/audit.md). Nothing here is changed or removed.
CREATE TABLE audit (
    position BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    request TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- What is to be done outside once a transaction is committed; state is waiting, done, refused or given_up.
CREATE TABLE effect (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    last_answer TEXT NOT NULL
);
CREATE INDEX effect_due ON effect (state, kind, next_at);
