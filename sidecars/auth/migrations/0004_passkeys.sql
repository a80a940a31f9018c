-- Rows that the log of events gives again: which passkeys there are, and what their owners call them.
ALTER TABLE account ADD COLUMN passkeys BIGINT NOT NULL DEFAULT 0;

CREATE TABLE passkey (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    is_backup_eligible BIGINT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX passkey_account ON passkey (account, id);

-- What is not in the log: what a passkey is known by, how often it signed, and when it was last used.
CREATE TABLE passkey_credential (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    credential BYTEA NOT NULL,
    public_key BYTEA NOT NULL,
    sign_count BIGINT NOT NULL,
    is_backup_eligible BIGINT NOT NULL,
    is_backed_up BIGINT NOT NULL,
    transports TEXT NOT NULL,
    last_used BIGINT
);
CREATE UNIQUE INDEX passkey_credential_once ON passkey_credential (credential);
CREATE INDEX passkey_credential_account ON passkey_credential (account);

-- What authenticators know an account by: random bytes, which say nothing of the person.
CREATE TABLE user_handle (
    account TEXT PRIMARY KEY,
    handle BYTEA NOT NULL
);

-- What challenges are made with: one row.
CREATE TABLE challenge_key (
    number BIGINT PRIMARY KEY,
    key BYTEA NOT NULL
);

-- Challenges that a passkey has signed, until they have expired.
CREATE TABLE used_challenge (
    nonce BYTEA PRIMARY KEY,
    expires BIGINT NOT NULL
);
