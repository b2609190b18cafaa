-- One row for each process that drives orders, where several share the database. Its beat is counted up while it lives;
-- -1 says that it left. Times are not compared: each observer has its own clock.
CREATE TABLE orders_replicas (
    replica_id BYTEA PRIMARY KEY,
    beats BIGINT NOT NULL
);
