-- One row for each order, for ever: its state is the saga's whole log.
CREATE TABLE orders (
    order_id BYTEA PRIMARY KEY,
    customer_id TEXT NOT NULL,
    -- [["product", pieces, price of one in minor units], ...]
    lines TEXT NOT NULL,
    currency TEXT NOT NULL,
    shipping_price BIGINT NOT NULL,
    total BIGINT NOT NULL,
    weight_grams BIGINT NOT NULL,
    -- {"region": "KR", "postal_code": "...", "recipient": "...", "lines": ["..."]}
    address TEXT NOT NULL,
    -- NULL once it cannot be needed any more.
    card_token TEXT,
    state TEXT NOT NULL
        -- Not IN (...): for a list of more than two SQLite builds a table each time that it looks.
        CHECK (state = 'PENDING' OR state = 'CONFIRMED' OR state = 'CANCELLING' OR state = 'REJECTING'
            OR state = 'REJECTED' OR state = 'CANCELLED' OR state = 'STUCK'),
    -- Why it was refused or cancelled.
    reason TEXT,
    -- The steps whose undos remain, of CANCELLING, REJECTING and STUCK: from the first to before the last.
    undo_from BIGINT,
    undo_to BIGINT,
    -- What a STUCK order goes back to.
    stuck_in TEXT,
    -- The process that drives it while it is open.
    owner BYTEA NOT NULL,
    -- Microseconds since 1970.
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE INDEX orders_by_customer ON orders (customer_id, order_id);
CREATE INDEX orders_open ON orders (owner, order_id)
    WHERE state = 'PENDING' OR state = 'CANCELLING' OR state = 'REJECTING';
CREATE INDEX orders_stuck ON orders (order_id) WHERE state = 'STUCK';
