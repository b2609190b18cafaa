-- How far the log was published to the stream, and the stream's sequence of that event. It is written at most once a second:
-- where the stream still has events, those tell it better.
CREATE TABLE events_publisher (
    id BIGINT PRIMARY KEY,
    position BIGINT NOT NULL,
    sequence BIGINT NOT NULL
);
INSERT INTO events_publisher (id, position, sequence) VALUES (1, 0, 0);
