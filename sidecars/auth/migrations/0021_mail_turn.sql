-- Requests of strangers for a mail that wait as many are sent in the minute: those of each network one after the other, and of all networks
-- in turn. The payload has an address, and goes with the row.
CREATE TABLE mail_turn (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    network TEXT NOT NULL,
    turn BIGINT NOT NULL,
    asked BIGINT NOT NULL,
    payload TEXT NOT NULL
);
CREATE INDEX mail_turn_kind ON mail_turn (kind, turn, asked);
CREATE INDEX mail_turn_network ON mail_turn (kind, network, turn);
