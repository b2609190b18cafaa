use std::io::{IsTerminal, Write};

/// One line on stderr that tells what is waited for. It is seen on a terminal only, and is gone when it is dropped.
#[derive(Debug)]
pub struct Progress {
    visible: bool,
    shown: String,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { visible: std::io::stderr().is_terminal(), shown: String::new() }
    }

    /// Shows nothing, where something else is shown already.
    pub fn hidden() -> Self {
        Self { visible: false, shown: String::new() }
    }

    /// Shows this text in place of the one before.
    pub fn show(&mut self, text: &str) {
        if text != self.shown {
            text.clone_into(&mut self.shown);
            self.write(text);
        }
    }

    /// Takes the line away, before something else is printed.
    pub fn clear(&mut self) {
        if !self.shown.is_empty() {
            self.shown.clear();
            self.write("");
        }
    }

    fn write(&self, text: &str) {
        if self.visible {
            let mut stderr = std::io::stderr().lock();
            let _written = write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush()).is_ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
