-- Rows that the log of events gives again: organisations, who is a member of which, and public keys of CURVE. What was granted to an
-- organisation is in `granted` under its id; its name is sealed with a key in `person_key` under its id.
CREATE TABLE organisation (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE member (
    organisation TEXT NOT NULL,
    account TEXT NOT NULL,
    role TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (organisation, account)
);
CREATE INDEX member_account ON member (account, organisation);

CREATE TABLE curve_key (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    public_key TEXT NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
CREATE INDEX curve_key_account ON curve_key (account, id);
CREATE UNIQUE INDEX curve_key_public ON curve_key (public_key);

-- What goes with time. An invitation whose address is null was accepted, revoked or replaced; it is kept for a day, as invitations
-- of a day are counted.
CREATE TABLE invitation (
    id TEXT PRIMARY KEY,
    organisation TEXT NOT NULL,
    email TEXT,
    role TEXT NOT NULL,
    hash BYTEA NOT NULL,
    makes_account BIGINT NOT NULL,
    is_mailed BIGINT NOT NULL,
    created BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitation_address ON invitation (organisation, email);
CREATE INDEX invitation_email ON invitation (email);
CREATE INDEX invitation_created_by ON invitation (created_by, created);
