-- One row for each order that was ever authorized, declined or voided. It lives as long as the order.
-- Times are microseconds since 1970.
CREATE TABLE payments (
    order_id BYTEA NOT NULL PRIMARY KEY,
    state TEXT NOT NULL
        CHECK (state = 'AUTHORIZED' OR state = 'CAPTURED' OR state = 'VOIDED' OR state = 'REFUNDED' OR state = 'DECLINED'),
    -- What was asked for; all four are NULL for a tombstone.
    amount BIGINT CHECK (amount > 0),
    currency TEXT,
    customer_id TEXT,
    -- The SHA-256 of the card's token: enough to know a repeat, and not the token.
    card_digest BYTEA,
    -- How much of the captured amount went back.
    refunded BIGINT NOT NULL CHECK (refunded >= 0),
    decline_reason TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    CHECK (refunded <= COALESCE(amount, 0)),
    CHECK ((state = 'DECLINED') = (decline_reason IS NOT NULL)),
    CHECK (state = 'VOIDED' OR amount IS NOT NULL),
    CHECK ((amount IS NULL) = (currency IS NULL)),
    CHECK ((amount IS NULL) = (customer_id IS NULL)),
    CHECK ((amount IS NULL) = (card_digest IS NULL))
);

-- Two rows for each movement of money, one below zero and one above, which sum to zero. Rows are added and never changed.
CREATE TABLE ledger_entries (
    order_id BYTEA NOT NULL REFERENCES payments (order_id),
    -- 2v - 1 and 2v, where v is the version of the payment that the movement made.
    sequence BIGINT NOT NULL,
    account TEXT NOT NULL CHECK (account = 'customer' OR account = 'held' OR account = 'shop'),
    minor_units BIGINT NOT NULL CHECK (minor_units <> 0),
    currency TEXT NOT NULL,
    entered_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, sequence)
);
