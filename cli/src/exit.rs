//! What went wrong, told on stderr, and the exit code that says what kind it was.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use madang_api::error::{self, code_name};
use serde_json::{Value, json};
use tonic::Status;

use crate::output::{self, BAD, Format};

/// The command did not do what it was asked, or found that something is wrong.
pub const FAILURE: u8 = 1;
/// Flags that cannot be, as clap has it too.
pub const USAGE: u8 = 2;
/// The shop cannot be reached: EX_UNAVAILABLE.
pub const UNREACHABLE: u8 = 69;

/// Nothing listens there.
#[derive(Debug, thiserror::Error)]
#[error("the shop cannot be reached at {url}; is `madang up` running?")]
pub struct Unreachable {
    /// Where it was looked for.
    pub url: String,
}

/// There is no shop.json: a shop that closes takes it away.
#[derive(Debug, thiserror::Error)]
#[error("no shop is open at {}: the file is not there; is `madang up` running?", file.display())]
pub struct Closed {
    /// Where it was looked for.
    pub file: PathBuf,
}

/// Flags that clap took and that cannot be.
#[derive(Debug, thiserror::Error)]
#[error("{}\n\nFor more information, try '{command} --help'.", wrong.join("\n       "))]
pub struct Usage {
    /// The command, such as `madang load`.
    pub command: &'static str,
    /// All that is wrong, each with its flag.
    pub wrong: Vec<String>,
}

/// No API server answers.
#[derive(Debug, thiserror::Error)]
#[error("the cluster cannot be reached at {url}: {why}")]
pub struct NoCluster {
    /// Where it was looked for.
    pub url: String,
    /// What came back.
    pub why: String,
}

/// Tells the error and answers the exit code.
pub fn report(error: &anyhow::Error, format: Format) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    output::note(&match format {
        Format::Table => text(error),
        Format::Json => json!({ "error": value(error) }).to_string(),
    });
    ExitCode::from(code(error))
}

/// The facts that go with a refusal, such as the products that it is about.
fn facts(status: &Status) -> BTreeMap<String, String> {
    error::facts(status).into_iter().collect()
}

/// The exit code that goes with the error.
pub fn code(error: &anyhow::Error) -> u8 {
    match is_unreachable(error) {
        _ if error.is::<Usage>() => USAGE,
        true => UNREACHABLE,
        false => FAILURE,
    }
}

/// Code and reason of a refusal, such as `NOT_FOUND PRODUCT_NOT_FOUND`.
pub fn refusal(status: &Status) -> String {
    let code = code_name(status.code());
    error::reason(status).map_or_else(|| code.to_owned(), |reason| format!("{code} {reason}"))
}

fn status(error: &anyhow::Error) -> Option<&Status> {
    error.chain().find_map(|cause| cause.downcast_ref())
}

fn is_unreachable(error: &anyhow::Error) -> bool {
    let lost = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<Unreachable>()
            || cause.is::<Closed>()
            || cause.is::<NoCluster>()
            || cause.is::<tonic::transport::Error>()
    };
    error.chain().any(lost)
}

/// A reader such as `head` that has enough is no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.downcast_ref().is_some_and(closed)
}

/// The error in one line of a table: what it was, not all that goes with it.
pub(crate) fn brief(error: &anyhow::Error) -> String {
    let told = |status: &Status| format!("{}: {}", refusal(status), status.message());
    status(error).map_or_else(|| line(error), told)
}

/// The error and what caused it, in one line. What an API server says is its message: kube says it three times over.
pub(crate) fn line(error: &anyhow::Error) -> String {
    let mut told = Vec::new();
    for cause in error.chain() {
        match cause.downcast_ref() {
            Some(kube::Error::Api(refusal)) if !refusal.message.is_empty() => {
                told.push(refusal.message.clone());
                break;
            }
            _ => told.push(cause.to_string()),
        }
    }
    told.join(": ")
}

fn text(error: &anyhow::Error) -> String {
    let title = output::styled(BAD, "error:");
    let Some(status) = status(error) else { return format!("{title} {}", line(error)) };
    let mut text = format!("{title} {}: {}", refusal(status), status.message());
    for (name, fact) in facts(status) {
        text += &format!("\n  {name}: {fact}");
    }
    for violation in error::violations(status) {
        text += &format!("\n  {}: {} ({})", violation.field, violation.description, violation.reason);
    }
    text
}

/// The error for programs.
pub(crate) fn value(error: &anyhow::Error) -> Value {
    status(error).map_or_else(|| json!({ "message": line(error) }), refusal_value)
}

/// A refusal for programs.
pub(crate) fn refusal_value(status: &Status) -> Value {
    let violations: Vec<Value> = error::violations(status)
        .into_iter()
        .map(|it| json!({ "field": it.field, "reason": it.reason, "description": it.description }))
        .collect();
    json!({
        "code": code_name(status.code()),
        "reason": error::reason(status),
        "message": status.message(),
        "facts": facts(status),
        "violations": violations,
    })
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn invalid() -> Status {
        let mut violations = madang_api::Violations::default();
        violations.add("lines[0].quantity", "INVALID_VALUE", "must be 1 to 1000000");
        violations.all((None::<()>,)).unwrap_err()
    }

    #[test]
    fn a_refusal_is_told_with_code_reason_and_every_violation() {
        let error = anyhow::Error::from(invalid()).context("placing the order");
        let told = anstream::adapter::strip_str(&text(&error)).to_string();
        assert!(told.contains("INVALID_ARGUMENT INVALID_REQUEST"), "{told}");
        assert!(told.contains("  lines[0].quantity: must be 1 to 1000000 (INVALID_VALUE)"), "{told}");
        assert_eq!(value(&error)["violations"][0]["field"], "lines[0].quantity");
        assert_eq!(code(&error), FAILURE);
    }

    #[test]
    fn a_refusal_is_told_with_its_facts() {
        let about = [("product_ids", "moon-cake".to_owned())];
        let status = error::status_about(Code::NotFound, "PRODUCT_NOT_FOUND", "no such product", about);
        let error = anyhow::Error::from(status);
        assert!(text(&error).ends_with("no such product\n  product_ids: moon-cake"), "{}", text(&error));
        assert_eq!(value(&error)["facts"], json!({ "product_ids": "moon-cake" }));
    }

    #[test]
    fn what_an_api_server_refuses_is_told_once() {
        let refusal = kube::core::Status::failure("pods is forbidden: ann cannot list them", "Forbidden")
            .with_code(403);
        let error = anyhow::Error::from(kube::Error::Api(refusal.boxed())).context("cannot list the pods");
        assert!(
            text(&error).ends_with(" cannot list the pods: pods is forbidden: ann cannot list them"),
            "{}",
            text(&error)
        );
        let other = anyhow::Error::from(io::Error::other("no route")).context("cannot ask").context("status");
        assert_eq!(line(&other), format!("{other:#}"));
    }

    #[test]
    fn a_shop_that_is_not_there_has_its_own_exit_code_and_a_hint() {
        let error = anyhow::Error::from(Unreachable { url: "http://127.0.0.1:1".into() });
        assert_eq!(code(&error), UNREACHABLE);
        assert!(text(&error).contains("is `madang up` running?"));
    }
}
