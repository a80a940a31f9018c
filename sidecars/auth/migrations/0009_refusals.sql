-- Attempts of a minute that failed and name no account, by kind: the audit log takes so many of them, and says how many it left out.
CREATE TABLE refusal (
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    minute BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (action, resource)
);
