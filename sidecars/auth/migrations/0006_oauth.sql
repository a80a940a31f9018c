-- Applications that act for accounts (OAuth 2.1), and what they were given.
CREATE TABLE client (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    settings TEXT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL
);

CREATE TABLE client_secret (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
CREATE INDEX client_secret_client ON client_secret (client);

-- What a person allowed an application.
CREATE TABLE consent (
    account TEXT NOT NULL,
    client TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, client)
);

-- All that comes of one approval: a code, then tokens. Without it none of them is valid. One with a session ends with the session.
CREATE TABLE authorisation (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    account TEXT NOT NULL,
    session TEXT,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    nonce TEXT,
    authenticated_at BIGINT NOT NULL,
    methods TEXT NOT NULL,
    began BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX authorisation_account ON authorisation (account, client);
CREATE INDEX authorisation_client ON authorisation (client);

CREATE TABLE authorisation_code (
    id TEXT PRIMARY KEY,
    authorisation TEXT NOT NULL,
    hash BYTEA NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT
);
CREATE INDEX authorisation_code_authorisation ON authorisation_code (authorisation);

CREATE TABLE authorisation_refresh (
    id TEXT PRIMARY KEY,
    authorisation TEXT NOT NULL,
    hash BYTEA NOT NULL,
    used BIGINT
);
CREATE INDEX authorisation_refresh_authorisation ON authorisation_refresh (authorisation);

-- Devices that wait for somebody to approve them elsewhere (RFC 8628).
CREATE TABLE device_code (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL,
    user_code BYTEA NOT NULL,
    client TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    interval_s BIGINT NOT NULL,
    last_polled BIGINT,
    expires BIGINT NOT NULL,
    state TEXT NOT NULL,
    authorisation TEXT
);
CREATE UNIQUE INDEX device_code_user_code ON device_code (user_code);
CREATE INDEX device_code_client ON device_code (client);

-- Access tokens that were revoked one by one, until they would have expired.
CREATE TABLE revoked_token (
    id TEXT PRIMARY KEY,
    expires BIGINT NOT NULL
);
