-- One row for each order that a parcel was ever booked, refused or cancelled for. It lives as long as the order.
-- Times are microseconds since 1970.
CREATE TABLE shipments (
    order_id BYTEA PRIMARY KEY,
    state TEXT NOT NULL CHECK (state = 'ARRANGED' OR state = 'DEPARTED' OR state = 'CANCELLED' OR state = 'REFUSED'),
    -- What was asked for; NULL for a tombstone.
    customer_id TEXT,
    weight_grams BIGINT,
    -- {"region_code": "KR", "postal_code": "", "recipient": "", "address_lines": [""]}
    address TEXT,
    -- The carrier's number and when it was given; NULL where no parcel was ever booked.
    tracking_number TEXT,
    arranged_at BIGINT,
    departed_at BIGINT,
    -- When it was cancelled or refused.
    ended_at BIGINT,
    refusal TEXT CHECK (refusal = 'REGION_NOT_SERVED' OR refusal = 'PARCEL_TOO_HEAVY'),
    version BIGINT NOT NULL
);
