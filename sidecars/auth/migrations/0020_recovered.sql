-- Whether a password was chosen on a device with a link, for an account whose second factor was not shown on it: what fails on such devices
-- is counted for the account.
ALTER TABLE device ADD COLUMN is_recovered BIGINT NOT NULL DEFAULT 0;
