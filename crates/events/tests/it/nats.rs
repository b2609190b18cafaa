//! JetStream beside the feed, against a real nats-server. Most tests start, kill and wipe one of their own, from the program that
//! MADANG_TEST_NATS names by its path or that is found; one uses the server that it names by its URL. Where there is none,
//! each test says that it was skipped.

mod crashes;
mod deliveries;
mod proxy;
mod publishing;
mod server;
mod shop;
mod stalls;
