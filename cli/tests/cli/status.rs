use serde_json::Value;

use crate::audit::shop;
use crate::fake::Fake;

#[tokio::test]
async fn services_orders_and_events_are_told() {
    let output = shop(1).madang(&["status"]).await;
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let line =
        |start: &str| told.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{told}"));
    assert!(line("payments ").contains("ready") && line("payments ").contains("0.0.7"), "{told}");
    assert!(line("CONFIRMED").ends_with('2'), "{told}");
    let lag: Vec<&str> = told.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(lag, ["shipping", "notifications", "1", "0"], "{told}");
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_for_programs() {
    let output = Fake::default().madang(&["status", "--output", "json"]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["services"].as_array().unwrap().len(), 8);
    assert_eq!(told["services"][0]["ready"], true);
    assert_eq!(told["orders"], Value::Null);
}
