-- What a person allowed an application, at each service apart: what was allowed at this one is asked about again at another.
ALTER TABLE consent RENAME TO consent_before;
CREATE TABLE consent (
    account TEXT NOT NULL,
    client TEXT NOT NULL,
    -- The URI of the service; empty for this one.
    resource TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (account, client, resource)
);
INSERT INTO consent (account, client, resource, scopes, created)
    SELECT account, client, '', scopes, created FROM consent_before;
DROP TABLE consent_before;

CREATE INDEX authorisation_expires ON authorisation (expires);

-- From where a device was begun, as SHA-256: who begins many takes the place of their own.
ALTER TABLE device_code ADD COLUMN address TEXT NOT NULL DEFAULT '';
