-- Work that takes long: done in steps, each of which saves its place, so that whoever takes it next goes on from there.
CREATE TABLE job (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    begun BIGINT,
    seen BIGINT,
    ended BIGINT,
    holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT,
    place TEXT NOT NULL,
    failure TEXT,
    result TEXT
);
CREATE INDEX job_next ON job (kind, state, next_at);
CREATE INDEX job_ended ON job (ended);
