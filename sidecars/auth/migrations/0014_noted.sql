-- What happens often is counted in the table of refusals: when the window began, how many entries of it the audit log took, and how
-- they came out. `minute` is the last minute of the window.
ALTER TABLE refusal ADD COLUMN since BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refusal ADD COLUMN noted BIGINT NOT NULL DEFAULT 60;
ALTER TABLE refusal ADD COLUMN outcome TEXT NOT NULL DEFAULT 'refused';

-- With what addresses of strangers are sealed in the audit log: a key for each day since 1970, which is dropped after 90 days.
CREATE TABLE stranger_key (
    day BIGINT PRIMARY KEY,
    key BYTEA NOT NULL
);

-- Whose key it was that was revoked, for 90 days: who shows it then has a copy.
CREATE TABLE revoked_key (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    revoked BIGINT NOT NULL
);
