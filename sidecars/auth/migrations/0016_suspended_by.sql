-- Who keeps an account from being used: the firm, or the organisation of a program. What was suspended before, the firm suspended.
ALTER TABLE account ADD COLUMN suspended_by TEXT;
UPDATE account SET suspended_by = 'firm' WHERE state = 'suspended';
