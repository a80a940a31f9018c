-- Secrets that are read again are encrypted: the name of the key, or nothing for those that are not encrypted yet.
ALTER TABLE second_factor ADD COLUMN encrypted_with TEXT;
ALTER TABLE signing_key ADD COLUMN encrypted_with TEXT;
