-- Of whom a second factor is demanded: of all people by the settings, of an account by an administrator, of its members by an organisation.
CREATE TABLE demand (what TEXT PRIMARY KEY);
ALTER TABLE account ADD COLUMN is_factor_demanded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organisation ADD COLUMN demands_factor BIGINT NOT NULL DEFAULT 0;
-- Nobody's person belongs to an organisation: whoever suspended one was granted it for the account.
UPDATE account SET suspended_by = 'grantee' WHERE suspended_by = 'organisation' AND kind = 'person';
