-- Of whom a second factor is demanded: of all people by the settings, of an account by an administrator, of its members by an organisation.
CREATE TABLE demand (what TEXT PRIMARY KEY);
ALTER TABLE account ADD COLUMN is_factor_demanded BIGINT NOT NULL DEFAULT 0;
ALTER TABLE organisation ADD COLUMN demands_factor BIGINT NOT NULL DEFAULT 0;
