-- Entries of one kind, and those of one outcome, in order: asking for them reads no others.
CREATE INDEX audit_action ON audit (action, position);
CREATE INDEX audit_outcome ON audit (outcome, position);
