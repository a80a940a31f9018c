-- Applications in which somebody is signed in by a session of ours: they are told when it ends (OpenID Connect Back-Channel Logout).
CREATE TABLE client_login (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    client TEXT NOT NULL,
    account TEXT NOT NULL
);
CREATE UNIQUE INDEX client_login_session ON client_login (session, client);
CREATE INDEX client_login_account ON client_login (account, client);
CREATE INDEX client_login_client ON client_login (client);

-- The login that an authorisation is of, which ID tokens name as `sid`; none of a device that goes on alone.
ALTER TABLE authorisation ADD COLUMN login TEXT;
