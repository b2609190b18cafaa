//! What a point does in a build for tests.

use std::fs::File;
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

const AT: &str = "MADANG_CRASH_AT";
const LOG: &str = "MADANG_CRASH_LOG";
/// EX_USAGE.
const USAGE: i32 = 64;

/// What the variables ask for.
struct Plan {
    end: Option<End>,
    log: Option<File>,
}

/// Where the process ends.
struct End {
    name: String,
    hit: u64,
    hits: AtomicU64,
    /// How long this thread stands still before, while the others go on.
    stall: Duration,
}

/// None where nothing is asked for, which costs a point one look.
static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

pub(super) fn reach<N: AsRef<str>>(name: impl FnOnce() -> N) {
    if let Some(plan) = PLAN.get_or_init(read) {
        plan.reach(name().as_ref());
    }
}

impl Plan {
    fn reach(&self, name: &str) {
        if let Some(mut log) = self.log.as_ref() {
            // One write to the end of the file, so that lines of several threads stand whole.
            let written = log.write_all(format!("{name}\n").as_bytes());
            written.unwrap_or_else(|error| give_up(&format!("{LOG}: {error}")));
        }
        if let Some(end) = self.end.as_ref().filter(|end| end.is_at(name)) {
            std::thread::sleep(end.stall);
            // It does not come back: the signal meets this thread on its way out of the call.
            let _killed = kill_process(getpid(), Signal::KILL);
            std::process::abort();
        }
    }
}

impl End {
    /// Reads `name#hit` or `name#hit~milliseconds`; hits are counted from 1.
    fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.rsplit_once('#').filter(|(name, _)| !name.is_empty())?;
        let (hit, stall) = rest.split_once('~').unwrap_or((rest, "0"));
        let hit = hit.parse().ok().filter(|hit| *hit > 0)?;
        let stall = Duration::from_millis(stall.parse().ok()?);
        Some(Self { name: name.to_owned(), hit, hits: AtomicU64::new(0), stall })
    }

    fn is_at(&self, name: &str) -> bool {
        name == self.name && self.hits.fetch_add(1, Ordering::Relaxed) + 1 == self.hit
    }
}

fn read() -> Option<Plan> {
    let end = std::env::var(AT).ok().map(|text| {
        End::parse(&text).unwrap_or_else(|| {
            give_up(&format!("{AT}={text}: write it as name#hit or name#hit~milliseconds"))
        })
    });
    let log = std::env::var_os(LOG).map(|path| {
        let file = File::options().create(true).append(true).open(&path);
        file.unwrap_or_else(|error| give_up(&format!("{LOG}={}: {error}", path.display())))
    });
    (end.is_some() || log.is_some()).then_some(Plan { end, log })
}

/// A test that asks for nonsense must not pass because nothing happens.
fn give_up(why: &str) -> ! {
    let _told = writeln!(std::io::stderr(), "{why}");
    std::process::exit(USAGE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_of_a_name_is_met_once() {
        let end = End::parse("commit/order-path/after#2").unwrap();
        let met = ["commit/order-path/after", "commit/relay/after", "commit/order-path/after"]
            .map(|name| end.is_at(name));
        assert_eq!(met, [false, false, true]);
        assert!(!end.is_at("commit/order-path/after"));
    }

    #[test]
    fn nonsense_is_no_point() {
        for bad in ["", "#1", "name", "name#", "name#0", "name#-1", "name#x", "name#1~", "name#1~x"] {
            assert!(End::parse(bad).is_none(), "{bad}");
        }
    }
}
