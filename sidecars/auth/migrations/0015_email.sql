-- To which address the mail of a link went, of links that change the address of an account.
ALTER TABLE link ADD COLUMN email TEXT;
