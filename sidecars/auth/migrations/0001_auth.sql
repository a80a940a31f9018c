-- Rows that the log of events gives again: accounts, what they were granted, their keys.
CREATE TABLE account (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    email TEXT,
    is_email_verified BIGINT NOT NULL,
    name TEXT NOT NULL,
    has_second_factor BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX account_email ON account (email);

CREATE TABLE granted (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    what TEXT NOT NULL,
    resource TEXT NOT NULL,
    expires BIGINT,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL
);
CREATE INDEX granted_account ON granted (account, id);

CREATE TABLE access_key (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
CREATE INDEX access_key_account ON access_key (account, id);

-- What is not in the log, as it is secret or goes with time. Personal data in events is sealed with the person's key; an account is
-- deleted for good when its key is.
CREATE TABLE person_key (
    account TEXT PRIMARY KEY,
    key BYTEA NOT NULL
);

CREATE TABLE password (
    account TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    changed BIGINT NOT NULL
);

CREATE TABLE second_factor (
    account TEXT PRIMARY KEY,
    secret BYTEA NOT NULL,
    is_confirmed BIGINT NOT NULL,
    last_step BIGINT
);

CREATE TABLE recovery_code (
    account TEXT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (account, hash)
);

-- What was sent by mail or printed, good once.
CREATE TABLE link (
    id TEXT PRIMARY KEY,
    account TEXT,
    purpose TEXT NOT NULL,
    hash BYTEA NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX link_account ON link (account);

CREATE TABLE key_secret (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL,
    last_used BIGINT
);

CREATE TABLE session (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    device TEXT NOT NULL,
    began BIGINT NOT NULL,
    last_used BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    methods TEXT NOT NULL
);
CREATE INDEX session_account ON session (account, id);

CREATE TABLE refresh (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    hash BYTEA NOT NULL,
    used BIGINT
);
CREATE INDEX refresh_session ON refresh (session);

-- Devices on which an account was signed in: attempts elsewhere do not slow them down.
CREATE TABLE device (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    hash BYTEA NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX device_account ON device (account);

-- Attempts that failed: of an e-mail address on unknown devices together, and of each known device.
CREATE TABLE failure (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last BIGINT NOT NULL
);

CREATE TABLE signing_key (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    pkcs8 BYTEA NOT NULL,
    state TEXT NOT NULL,
    since BIGINT NOT NULL
);
