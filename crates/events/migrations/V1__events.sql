-- What a service published. `seq` is drawn at the insert, `position` given by the relay. PostgreSQL draws `seq` from the
-- sequence behind BIGSERIAL; on SQLite it is the row's own number, max + 1, under the one writer.
-- Times are microseconds since 1970.
CREATE TABLE events_outbox (
    seq BIGSERIAL PRIMARY KEY,
    position BIGINT,
    stamped_at BIGINT,
    event_id BYTEA NOT NULL,
    event_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload BYTEA NOT NULL,
    occurred_at BIGINT NOT NULL,
    traceparent TEXT NOT NULL
);
CREATE UNIQUE INDEX events_outbox_position ON events_outbox (position);
CREATE INDEX events_outbox_unstamped ON events_outbox (seq) WHERE position IS NULL;

-- The last position given and the last one pruned, in a row of their own: they outlive the rows they count.
CREATE TABLE events_relay (
    id BIGINT PRIMARY KEY,
    position BIGINT NOT NULL,
    pruned BIGINT NOT NULL
);
INSERT INTO events_relay (id, position, pruned) VALUES (1, 0, 0);

-- How far this database has come in each producer's log: its inbox.
CREATE TABLE events_cursors (
    producer TEXT PRIMARY KEY,
    position BIGINT NOT NULL,
    -- The event at the position, by which a producer's log is known again; NULL before the first.
    event_id BYTEA
);

-- Events that could not be applied, and with parked = 1 those that wait behind one of their key.
CREATE TABLE events_dead_letters (
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
    parked BIGINT NOT NULL,
    PRIMARY KEY (producer, position)
);
CREATE INDEX events_dead_letters_key ON events_dead_letters (producer, event_key, position);
CREATE INDEX events_dead_letters_id ON events_dead_letters (event_id);

-- Clients' writes and what they made, so that a repeat is known.
CREATE TABLE events_requests (
    rpc TEXT NOT NULL,
    request_id BYTEA NOT NULL,
    fingerprint_version BIGINT NOT NULL,
    fingerprint BYTEA NOT NULL,
    resource BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (rpc, request_id)
);
CREATE INDEX events_requests_created ON events_requests (created_at);
