-- The key of challenges is encrypted too: the name of the key with which, or nothing for one that is not encrypted yet.
ALTER TABLE challenge_key ADD COLUMN encrypted_with TEXT;
