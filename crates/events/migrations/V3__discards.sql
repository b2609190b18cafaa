-- Dead letters that an operator gave up, as they were, with the operator's reason and what was answered. Never pruned: each
-- is a decision of a person.
CREATE TABLE events_discards (
    producer TEXT NOT NULL,
    position BIGINT NOT NULL,
    event_id BYTEA NOT NULL,
    event_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload BYTEA NOT NULL,
    occurred_at BIGINT NOT NULL,
    traceparent TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    discarded_at BIGINT NOT NULL,
    discarded_because TEXT NOT NULL,
    applied BIGINT NOT NULL,
    next_event_id BYTEA,
    PRIMARY KEY (producer, position)
);
CREATE INDEX events_discards_id ON events_discards (event_id);
