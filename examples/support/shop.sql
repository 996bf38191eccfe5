-- A small shop: 200 orders, 4700 to 4899. The key of a refund is kept but need not be unique: if
-- this shop is asked twice, it pays twice. Not to ask twice is pawl's part.
CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    item TEXT NOT NULL,
    cents INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE refund (
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL REFERENCES orders(number),
    cents INTEGER NOT NULL,
    key TEXT NOT NULL
);
INSERT INTO orders
    SELECT value, 'Customer ' || value,
           CASE value % 3 WHEN 0 THEN 'teapot' WHEN 1 THEN 'lamp' ELSE 'chair' END,
           990 + value * 53 % 9000,
           CASE value % 2 WHEN 0 THEN 'on its way' ELSE 'delivered' END
    FROM generate_series(4700, 4899);
