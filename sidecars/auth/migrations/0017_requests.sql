-- Requests of strangers for a mail in a minute: of all of a kind, and of each network by its hash.
CREATE TABLE mail_request (
    subject TEXT PRIMARY KEY,
    minute BIGINT NOT NULL,
    requests BIGINT NOT NULL
);

-- What accounts are searched by: their names in small letters of all of Unicode, which not every database makes.
ALTER TABLE account ADD COLUMN name_folded TEXT NOT NULL DEFAULT '';
