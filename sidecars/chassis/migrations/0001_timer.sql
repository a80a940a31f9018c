-- What is to be done at a moment: due is when it was asked for, next_at when it is tried, which is later after it failed.
CREATE TABLE timer (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    due BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    failures BIGINT NOT NULL
);
CREATE INDEX timer_next ON timer (kind, next_at);
