use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

/// Below the ports that systems give to outgoing connections, so that none of those takes a port while its service is dead.
const RANGE: Range<u16> = 10_000..31_900;
/// How far apart the ports of two test processes with neighbouring ids begin.
const STRIDE: u32 = 641;

/// A free port that this process has not given before.
pub(super) fn free() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let begin = std::process::id().wrapping_mul(STRIDE);
    let draw = || {
        let step = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = step % u32::from(RANGE.end - RANGE.start);
        RANGE.start + u16::try_from(offset).unwrap_or_default()
    };
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..RANGE.len()).map(|_| draw()).find(is_free).context("no port is free")
}
