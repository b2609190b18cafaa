use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// Of P-256.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/// Who signs the certificates of servers, for a day.
pub(crate) struct Authority(TempDir);

/// What a server shows, and the key that goes with it.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        made.run(
            "req",
            &[&KEY[..], &["-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=A"]].concat(),
        );
        made
    }

    /// The file of its certificate.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// For these hosts, such as `DNS:localhost`.
    pub(crate) fn identity(&self, hosts: &str) -> Identity {
        let file = |name: &str| self.0.path().join(name);
        fs::write(file("extensions"), format!("subjectAltName={hosts}\nbasicConstraints=CA:FALSE\n"))
            .unwrap();
        self.run("req", &[&KEY[..], &["-keyout", "it.key", "-out", "it.csr", "-subj", "/CN=B"]].concat());
        let signed =
            "-req -in it.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions -out it.pem";
        self.run("x509", &signed.split(' ').collect::<Vec<_>>());
        let read = |name| fs::read_to_string(file(name)).unwrap();
        Identity { certificate: read("it.pem"), key: read("it.key") }
    }

    fn run(&self, what: &str, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        command.arg(what).args(arguments).args(["-days", "1"]).current_dir(self.0.path());
        let output = command.stdin(Stdio::null()).output().expect("these tests need openssl");
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
