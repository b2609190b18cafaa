-- What customers were told, one row for each event that concerns them. Rows never change. Times are microseconds since 1970.
CREATE TABLE notifications (
    -- The order in which they were told, with gaps; on PostgreSQL drawn from the row below, and else the row's own number.
    place BIGINT PRIMARY KEY,
    -- The event's id.
    notification_id BYTEA NOT NULL,
    customer_id TEXT NOT NULL,
    order_id BYTEA NOT NULL,
    kind TEXT NOT NULL CHECK (kind = 'ORDER_CONFIRMED' OR kind = 'ORDER_REJECTED' OR kind = 'ORDER_CANCELLED'
        OR kind = 'SHIPMENT_DEPARTED' OR kind = 'PAYMENT_OUTSTANDING'),
    text_en TEXT NOT NULL,
    text_ko TEXT NOT NULL,
    -- When the event happened.
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX notifications_id ON notifications (notification_id);
CREATE INDEX notifications_customer ON notifications (customer_id, created_at, place);

-- For PostgreSQL. A row and no sequence: its lock lasts until the commit, so that places become visible in their order, and who reads on
-- from a place misses none.
CREATE TABLE notifications_place (
    id BIGINT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO notifications_place (id, last) VALUES (1, 0);
