-- Outside identities: who somebody is at a provider, and whose account that is. They come from the log of events.
CREATE TABLE identity (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    email TEXT,
    created BIGINT NOT NULL
);
CREATE UNIQUE INDEX identity_subject ON identity (issuer, subject);
CREATE INDEX identity_account ON identity (account, id);

-- Requests to sign in at a provider that somebody has begun, good once. `account` and `session` are of whoever began it in a session;
-- once the provider said who it is, `account`, `methods` and `authenticated_at` are what waits for the second factor.
CREATE TABLE provider_request (
    id TEXT PRIMARY KEY,
    hash BYTEA NOT NULL,
    provider TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    account TEXT,
    session TEXT,
    methods TEXT,
    authenticated_at BIGINT,
    began BIGINT NOT NULL
);
CREATE INDEX provider_request_began ON provider_request (began);
