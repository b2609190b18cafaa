//! Orders through its real server, on a real SQLite file, with participants that follow a script, over connections in memory.

#![expect(clippy::unwrap_used, reason = "clippy's exemption covers test functions only, not what they call")]

mod bad_input;
mod cancel;
mod meters;
mod operator;
mod participants;
mod place;
mod recovery;
mod sagas;
mod world;
