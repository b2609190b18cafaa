-- The call that asked for the order, as a W3C traceparent: a saga that is taken up again goes on in its trace. Empty where the
-- order is older than this column.
ALTER TABLE orders ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
