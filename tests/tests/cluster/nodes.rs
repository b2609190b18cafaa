//! Commands on the nodes of the cluster.

use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What runs a command on a node, with `{node}` for its name; `env` where the test itself runs on the only one.
const VARIABLE: &str = "MADANG_TEST_NODE";

/// Kills the processes of a program in a pod, whose uid is in the names of their control groups, and fails where there is none.
const KILL: &str = r#"
killed=0
for process in /proc/[0-9]*; do
    if grep -qs "$1" "$process/cgroup" && [ "$(cat "$process/comm")" = "$2" ]; then
        kill -9 "${process#/proc/}" && killed=1
    fi
done
[ "$killed" = 1 ]
"#;

/// The nodes of this run's cluster.
#[derive(Debug, Clone)]
pub(crate) struct Nodes(String);

impl Nodes {
    /// None where nothing runs a command on them, and then that is told.
    pub(crate) fn of_this_run() -> Result<Option<Self>> {
        let told = std::env::var(VARIABLE).ok().filter(|told| !told.is_empty());
        if told.is_none() {
            writeln!(std::io::stderr(), "not run: {VARIABLE} does not say how to run a command on a node")?;
        }
        Ok(told.map(Self))
    }

    /// Runs a command on a node, to its end.
    pub(crate) fn run(&self, node: &str, command: &[&str]) -> Result<()> {
        let way = self.0.split_whitespace().map(|word| word.replace("{node}", node));
        let words: Vec<String> = way.chain(command.iter().copied().map(str::to_owned)).collect();
        let (program, args) = words.split_first().context("a command")?;
        let output = Command::new(program).args(args).output().with_context(|| words.join(" "))?;
        ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Kills a program in a pod by -9, which Kubernetes itself never does without a warning.
    pub(crate) fn kill_nine(&self, (node, pod_uid): (&str, &str), program: &str) -> Result<()> {
        // With `-` or with `_`, as the node has it.
        let uid = pod_uid.replace('-', ".");
        self.run(node, &["sh", "-c", KILL, "sh", &uid, program])
    }
}
