use std::process::{Command, Output};

use serde_json::json;
use tempfile::TempDir;

const ORDER: &str = "0198c0de-0000-7000-8000-000000000001";

fn line(time: &str, service: &str, message: &str, order: Option<&str>) -> String {
    let mut line = json!({
        "timestamp": format!("2026-11-26T19:00:{time}Z"), "level": "INFO", "service": service, "trace_id": "t1",
        "message": message,
    });
    if let Some(order) = order {
        line["madang.order.id"] = order.into();
    }
    format!("{line}\n")
}

/// The data folder of a shop that ran.
fn data() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let logs = data.path().join("logs");
    std::fs::create_dir(&logs).unwrap();
    let write = |name: &str, text: String| std::fs::write(logs.join(name), text).unwrap();
    write("gateway.log", line("01", "gateway", "a request", None));
    write("orders.log.1", line("02", "orders", "placed", Some(ORDER)));
    write("orders.log", line("04", "orders", "confirmed", Some(ORDER)) + "not of it\n");
    write("payments.log", line("03", "payments", "authorized", None));
    data
}

fn logs(data: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
    command.args(["logs"]).args(args).arg("--data").arg(data.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_lines_of_all_services_are_told_in_the_order_of_time() {
    let output = logs(&data(), &[ORDER]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    let messages: Vec<&str> =
        told.lines().skip(1).filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(messages, ["request", "placed", "authorized", "confirmed"]);
    assert!(told.contains("2026-11-26T19:00:03.000000Z  payments  INFO   authorized"), "{told}");
}

#[test]
fn programs_get_the_lines_as_they_were_written() {
    let output = logs(&data(), &["--output", "json", &ORDER.to_uppercase()]);
    let told = text(&output.stdout);
    assert_eq!(told.lines().nth(1).unwrap(), line("02", "orders", "placed", Some(ORDER)).trim());
    assert_eq!(told.lines().count(), 4);
}

#[test]
fn an_order_of_which_nothing_is_written_is_a_failure() {
    let output = logs(&data(), &["0198c0de-0000-7000-8000-000000000002"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no log line is about order"), "{}", text(&output.stderr));
}
