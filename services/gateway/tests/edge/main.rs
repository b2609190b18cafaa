//! The gateway as its clients meet it: the real server in memory, before services that answer as they are told.

#![expect(clippy::unwrap_used, reason = "what a test sets up fails the test")]

mod bad_input;
mod client;
mod fakes;
mod limits;
mod orders;
mod products;
mod rpc;
mod shop;
mod surface;
mod web;
