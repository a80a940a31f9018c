-- Notes as they are now: all of it comes from the log of events, and is made again from there.
CREATE TABLE note (
    number BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    text TEXT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
