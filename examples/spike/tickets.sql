-- The tickets that were drawn. The key is the call's: who asks twice gets the same ticket.
CREATE TABLE ticket (
    number INTEGER PRIMARY KEY,
    visitor TEXT NOT NULL,
    key TEXT NOT NULL UNIQUE
);
