//! What a service did, as `strace` tells it: whether what it said about a row was on the disk before it said so.
//!
//! ```text
//!   pwrite64(orders.db-wal, … the row …)   fdatasync(orders.db-wal)   writev(socket, … the row's id …)
//!        the last write of the row  ------>  has returned  ---------->  the answer leaves
//! ```
//!
//! A service that is not synced in time has the third without the second between. kill -9 would not show it, since the system
//! keeps what it had not written yet.

use std::collections::BTreeSet;

/// How a service is run so that this module can read what it did: `strace`, with the trace in this file.
pub fn command(trace: &str) -> [&str; 13] {
    // -D: the service is the child of who started it, and its signals are its own. -xx: bytes, whatever they are.
    ["strace", "-D", "-f", "-q", "-y", "-xx", "-s", "65536", "--seccomp-bpf", "-e", CALLS, "-o", trace]
}

const CALLS: &str = "trace=fsync,fdatasync,write,writev,pwrite64,pwritev,sendto,sendmsg";

/// One thing that a service did, in the order in which it did them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// It wrote bytes to the write-ahead log; the disk may not have them yet.
    Logged(Vec<u8>),
    /// All that it had logged is on the disk: the sync has returned.
    Synced,
    /// Bytes left on a socket.
    Sent(Vec<u8>),
}

/// A row that the service was asked to write.
#[derive(Debug, Clone)]
pub struct Row {
    /// As it stands in the log.
    pub logged: Vec<u8>,
    /// As it stands in answers.
    pub told: Vec<u8>,
}

/// What a trace says of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was told so many times, each after its last write to the log was synced.
    Durable(usize),
    /// It was told before its last write to the log was synced.
    ToldTooEarly,
    /// It was told although it was never logged, or never told: the trace does not show it.
    NotSeen,
}

/// Reads a trace.
pub fn deeds(trace: &str) -> Vec<Deed> {
    // The threads that are within a sync of the log.
    let mut syncing = BTreeSet::new();
    trace.lines().filter_map(|line| deed(line, &mut syncing)).collect()
}

/// Holds one row against what was done.
pub fn judge(deeds: &[Deed], row: &Row) -> Verdict {
    let (mut logged, mut synced, mut told) = (false, false, 0);
    for deed in deeds {
        match deed {
            Deed::Logged(bytes) if holds(bytes, &row.logged) => (logged, synced) = (true, false),
            Deed::Synced => synced = true,
            Deed::Sent(bytes) if holds(bytes, &row.told) => match (logged, synced) {
                (true, true) => told += 1,
                (true, false) => return Verdict::ToldTooEarly,
                (false, _) => return Verdict::NotSeen,
            },
            Deed::Logged(_) | Deed::Sent(_) => {}
        }
    }
    if told > 0 { Verdict::Durable(told) } else { Verdict::NotSeen }
}

/// A line is `PID call(FD<file>, "\x..", …) = result`; one that another thread cut in two is `PID call(… <unfinished ...>` and
/// later `PID <... call resumed>…`.
fn deed<'a>(line: &'a str, syncing: &mut BTreeSet<&'a str>) -> Option<Deed> {
    let (thread, line) = line.split_once(' ')?;
    let line = line.trim_start();
    let succeeded = line.ends_with("= 0");
    if let Some(resumed) = line.strip_prefix("<... ") {
        let (call, _) = resumed.split_once(' ')?;
        return (is_sync(call) && syncing.remove(thread) && succeeded).then_some(Deed::Synced);
    }
    let (call, arguments) = line.split_once('(')?;
    let (_, file) = arguments.split_once('<')?;
    let (file, rest) = file.split_once('>')?;
    // -xx writes a path in bytes too.
    let file = if file.contains("\\x") { String::from_utf8(bytes(file)).ok()? } else { file.to_owned() };
    if file.ends_with("-wal") {
        if !is_sync(call) {
            return Some(Deed::Logged(texts(rest)));
        }
        if line.ends_with("<unfinished ...>") {
            syncing.insert(thread);
        }
        return succeeded.then_some(Deed::Synced);
    }
    let is_socket = file.starts_with("socket:") || file.starts_with("TCP");
    is_socket.then(|| Deed::Sent(texts(rest)))
}

fn is_sync(call: &str) -> bool {
    matches!(call, "fsync" | "fdatasync")
}

/// The bytes of all texts of a call, one after the other.
fn texts(arguments: &str) -> Vec<u8> {
    arguments.split('"').skip(1).step_by(2).flat_map(bytes).collect()
}

fn bytes(text: &str) -> Vec<u8> {
    text.split("\\x").filter_map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests;
