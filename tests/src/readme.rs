//! The README's commands: blocks fenced as ```` ```sh ````, which are all meant to be pasted into a shell as they are.
//!
//! Blocks of other kinds (`console`, `text`) show what comes out, and are not run.

mod run;

use anyhow::{Result, bail};

use crate::{Service, Shop};

pub use run::{dry_run, is_installed, run};

/// Tools without which a block cannot be run.
const TOOLS: [&str; 3] = ["curl", "grpcurl", "jq"];
/// Commands that are run; a variable may be set as well.
const RUN: [&str; 3] = ["curl", "grpcurl", "madang"];
/// Commands that get, build or open the shop.
const BUILD: [&str; 4] = ["make", "git", "cd", "cargo"];
/// An admin port is so far above the usual port of its service.
const ADMIN_OFFSET: u16 = 100;

/// A block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of the file where its fence is.
    pub line: usize,
    /// Its lines.
    pub text: String,
}

/// What is done with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It is run against a shop.
    Run,
    /// It gets, builds or opens the shop: its `make` targets must exist.
    Build,
    /// It keeps a shop open until Ctrl-C.
    Lasting,
}

/// The blocks of a README.
///
/// # Errors
/// Where a fence is never closed.
pub fn blocks(markdown: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, Block)> = None;
    for (line, text) in (1..).zip(markdown.lines()) {
        let fence = text.trim_start().strip_prefix("```");
        open = match (open, fence) {
            (None, Some(kind)) => Some((kind.trim() == "sh", Block { line, text: String::new() })),
            (None, None) => None,
            (Some((is_sh, block)), Some(_)) => {
                blocks.extend(is_sh.then_some(block));
                None
            }
            (Some((is_sh, mut block)), None) => {
                block.text += &format!("{text}\n");
                Some((is_sh, block))
            }
        };
    }
    match open {
        Some((_, block)) => bail!("the fence of line {} is never closed", block.line),
        None => Ok(blocks),
    }
}

impl Block {
    /// Its commands, one a line: continued lines and quoted line ends joined, comments left out.
    pub fn commands(&self) -> Vec<String> {
        let (mut commands, mut quote, mut before) = (vec![String::new()], None, ' ');
        let text = self.text.replace("\\\n", " ");
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match quote {
                Some(open) if c == open => quote = None,
                None if c == '\'' || c == '"' => quote = Some(c),
                None if c == '\n' => commands.push(String::new()),
                None if c == '#' && before.is_whitespace() => {
                    chars.find(|c| *c == '\n');
                    commands.push(String::new());
                    before = '\n';
                    continue;
                }
                _ => {}
            }
            commands.last_mut().into_iter().for_each(|command| command.push(c));
            before = c;
        }
        let one_line = |command: String| command.split_whitespace().collect::<Vec<_>>().join(" ");
        commands.into_iter().map(one_line).filter(|command| !command.is_empty()).collect()
    }

    /// What is done with it.
    ///
    /// # Errors
    /// Where building and calling stand in one block, or a command is of neither kind.
    pub fn kind(&self) -> Result<Kind> {
        let commands = self.commands();
        let are_all = |known: fn(&str) -> bool| {
            commands.iter().all(|command| known(command.split(' ').next().unwrap_or_default()))
        };
        if commands.iter().any(|command| command.starts_with("madang up")) {
            return Ok(Kind::Lasting);
        }
        if are_all(|word| BUILD.contains(&word)) {
            return Ok(Kind::Build);
        }
        if are_all(|word| RUN.contains(&word) || word.contains('=')) {
            return Ok(Kind::Run);
        }
        bail!(
            "the block of line {} is neither of {RUN:?} nor of {BUILD:?} alone; split it, or fence it as console:\n{}",
            self.line,
            self.text
        )
    }

    /// The tools that it needs besides the shop's own.
    pub fn tools(&self) -> Vec<&'static str> {
        let commands = self.commands().join("\n");
        TOOLS.into_iter().filter(|tool| crate::tidy::code::has_word(&commands, tool)).collect()
    }

    /// The same for a shop on other ports.
    #[must_use]
    pub fn on(&self, shop: &Shop) -> Self {
        let ports = Service::ALL.into_iter().flat_map(|service| {
            let usual = service.usual_port();
            [(usual, shop.port(service)), (usual + ADMIN_OFFSET, shop.admin_port(service))]
        });
        let text = ports.fold(self.text.clone(), |text, (from, to)| on_port(&text, from, to));
        Self { line: self.line, text }
    }
}

/// A port of this machine as another one.
fn on_port(text: &str, from: u16, to: u16) -> String {
    let mut text = text.to_owned();
    for host in ["localhost", "127.0.0.1"] {
        let found = format!("{host}:{from}");
        let mut parts = text.split(&found);
        let mut replaced = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            match part.starts_with(|c: char| c.is_ascii_digit()) {
                true => replaced += &found,
                false => replaced += &format!("127.0.0.1:{to}"),
            }
            replaced += part;
        }
        text = replaced;
    }
    text
}

#[cfg(test)]
mod tests;
