-- The shop before the migration: 200 customers, three of them without an address; 1000 orders, whose
-- totals are text.
PRAGMA user_version = 1;
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customer(id),
    total TEXT NOT NULL
);
INSERT INTO customer
    SELECT value, 'Customer ' || value,
           CASE WHEN value IN (17, 93, 154) THEN NULL ELSE 'c' || value || '@example.org' END
    FROM generate_series(1, 200);
INSERT INTO orders
    SELECT value, 1 + value * 7 % 200, printf('%d.%02d', value % 90, value * 37 % 100)
    FROM generate_series(1, 1000);
