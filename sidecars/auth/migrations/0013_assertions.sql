-- Assertions by which applications showed who they are (RFC 7523), until they are over: each is good once.
CREATE TABLE client_assertion (
    client TEXT NOT NULL,
    -- SHA-256 of its own id, as base64url.
    jti TEXT NOT NULL,
    expires BIGINT NOT NULL,
    PRIMARY KEY (client, jti)
);
CREATE INDEX client_assertion_expires ON client_assertion (expires);
