//! The ports to chance, time and the environment: this is a process edge, so here they are the system's own.

use std::path::PathBuf;

/// A new request_id.
pub(crate) fn request_id() -> String {
    uuid().to_string()
}

/// A new UUID.
#[expect(
    clippy::disallowed_methods,
    reason = "a client's own ids, made at the process edge; nothing here is simulated"
)]
pub(crate) fn uuid() -> uuid::Uuid {
    uuid::Uuid::new_v4()
}

/// Seconds since 1970, now.
#[expect(clippy::disallowed_methods, reason = "the process edge; nothing here is simulated")]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// This process among those of all machines: the machine's name and the process id.
pub(crate) fn process_name() -> String {
    format!("{}/{}", rustix::system::uname().nodename().to_string_lossy(), std::process::id())
}

/// Whether a process by its [`process_name`] is one of this machine that has ended.
pub(crate) fn is_gone(name: &str) -> bool {
    let own = process_name();
    let (Some((machine, id)), Some((here, _))) = (name.rsplit_once('/'), own.rsplit_once('/')) else {
        return false;
    };
    let id = id.parse().ok().and_then(rustix::process::Pid::from_raw);
    machine == here
        && id.is_some_and(|id| rustix::process::test_kill_process(id) == Err(rustix::io::Errno::SRCH))
}

/// The folder for the user's data, as the XDG base directories have it: `$XDG_DATA_HOME` or `~/.local/share`.
pub(crate) fn data_home() -> PathBuf {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("."))
}
