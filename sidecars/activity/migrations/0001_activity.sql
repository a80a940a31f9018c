-- What runs did. Numbers of outputs are the run's own; with the run's name they are what an output is for ever.

-- Decimals are texts, exact to the last digit; times are nanoseconds since the epoch.
CREATE TABLE fill (
    run TEXT NOT NULL,
    number BIGINT NOT NULL,
    cause BIGINT NOT NULL,
    at BIGINT NOT NULL,
    instrument TEXT NOT NULL,
    strategy TEXT NOT NULL,
    order_number BIGINT NOT NULL,
    side TEXT NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    fee TEXT NOT NULL,
    currency TEXT NOT NULL,
    taker BIGINT NOT NULL,
    PRIMARY KEY (run, number)
);

-- A value that is infinite or no number is null, and its 64 bits are a text of hexadecimal digits; one that is not ready is null in both.
CREATE TABLE signal (
    run TEXT NOT NULL,
    number BIGINT NOT NULL,
    cause BIGINT NOT NULL,
    at BIGINT NOT NULL,
    name TEXT NOT NULL,
    ready BIGINT NOT NULL,
    value DOUBLE PRECISION,
    bits TEXT,
    PRIMARY KEY (run, number)
);
