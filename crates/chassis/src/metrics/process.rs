//! What the process takes of its machine. Linux tells it in /proc; elsewhere nothing is shown.

use std::fs;

use rustix::param::clock_ticks_per_second;

use super::{Reading, Shown};

/// Where `starttime` and `utime` stand in /proc/self/stat, counted behind the name in brackets, which may hold anything.
const START_TIME: usize = 19;
const USER_TIME: usize = 11;

pub(super) fn register(shown: &mut Shown) {
    let mut gauge = |name, help, read: fn() -> Option<f64>| {
        shown.register((name, &[]), help, Reading::gauge(read));
    };
    gauge("process_resident_memory_bytes", "Memory of the process that is in RAM", resident_bytes);
    gauge("process_open_fds", "Files and sockets that the process has open", open_files);
    gauge("process_max_fds", "Files and sockets that the process may have open", most_files);
    gauge("process_threads", "Threads of the process", threads);
    gauge("process_start_time_seconds", "When the process started, in seconds since 1970", start_time);
    let help = "CPU time of the process, in user and kernel mode";
    shown.register(("process_cpu_seconds", &[]), help, Reading::counter(cpu_seconds));
}

fn resident_bytes() -> Option<f64> {
    status("VmRSS:").map(|kibibytes| kibibytes * 1024.0)
}

fn threads() -> Option<f64> {
    status("Threads:")
}

fn open_files() -> Option<f64> {
    // The reading of the folder is one of them.
    u32::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok().map(|count| f64::from(count) - 1.0)
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn cpu_seconds() -> Option<f64> {
    let (stat, ticks) = (stat()?, ticks_per_second()?);
    Some((stat.get(USER_TIME)? + stat.get(USER_TIME + 1)?) / ticks)
}

fn start_time() -> Option<f64> {
    let (stat, ticks) = (stat()?, ticks_per_second()?);
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + stat.get(START_TIME)? / ticks)
}

/// A line of /proc/self/status.
fn status(name: &str) -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The numbers of /proc/self/stat from the third on; a letter is 0.
fn stat() -> Option<Vec<f64>> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, numbers) = stat.rsplit_once(')')?;
    Some(numbers.split_whitespace().map(|number| number.parse().unwrap_or(0.0)).collect())
}

fn ticks_per_second() -> Option<f64> {
    u32::try_from(clock_ticks_per_second()).ok().map(f64::from).filter(|ticks| *ticks > 0.0)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the process's own time is the system's")]
    fn the_process_tells_what_it_takes() {
        assert!(resident_bytes().unwrap() > 1_000_000.0);
        assert!(threads().unwrap() >= 1.0);
        assert!(most_files().unwrap() >= open_files().unwrap());
        let before = open_files().unwrap();
        let _files: Vec<_> = (0..64).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        assert!(open_files().unwrap() >= before + 32.0, "tests beside this one open and close files too");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let started = start_time().unwrap();
        assert!(started <= now + 2.0 && started > now - 86_400.0, "{started} is long before {now}");
        let cpu = cpu_seconds().unwrap();
        let mut sum = 0_u64;
        while cpu_seconds().unwrap() <= cpu {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
