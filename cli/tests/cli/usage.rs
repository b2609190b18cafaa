use std::process::{Command, Output};

/// One of each kind that asks a shop.
const COMMANDS: [&[&str]; 9] = [
    &["order", "list"],
    &["load", "--duration", "1s"],
    &["audit"],
    &["trace", "0198c0de-0000-7000-8000-000000000001"],
    &["logs", "0198c0de-0000-7000-8000-000000000001"],
    &["status"],
    &["sagas", "list"],
    &["dead-letters", "list"],
    &["dead-letters", "redrive", "--all"],
];

fn madang(args: &[&str]) -> Output {
    let empty = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
    command.env("XDG_DATA_HOME", empty.path()).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_command_has_a_help_with_examples() {
    let commands = [
        "",
        "up",
        "demo",
        "order",
        "load",
        "audit",
        "trace",
        "logs",
        "status",
        "sagas",
        "dead-letters",
        "completions",
    ];
    let clusters = [
        "canary",
        "cluster",
        "cluster up",
        "cluster deploy",
        "cluster status",
        "cluster down",
        "cluster forward",
        "cluster secrets",
    ];
    let orders = ["order place", "order get", "order list", "order watch", "order cancel"];
    let sagas = ["sagas list", "sagas resume"];
    let letters = ["dead-letters list", "dead-letters redrive", "dead-letters discard"];
    for command in commands.into_iter().chain(orders).chain(sagas).chain(letters).chain(clusters) {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let help = madang(&args);
        assert!(help.status.success());
        assert!(text(&help.stdout).contains("Example"), "{command}");
        assert!(!text(&help.stdout).contains("launch-service"), "it is no command for people");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    for args in [
        &["sell"][..],
        &["order", "place"],
        &["order", "place", "--line", "cup=two"],
        &["up", "--ports", "some"],
        &["order", "list", "--gateway", "nope"],
        &["order", "list", "--gateway", "localhost:8080"],
        &["status", "--gateway", "http://127.0.0.1:9"],
        &["audit", "--gateway", "http://127.0.0.1:9"],
        &["up", "--wait", "18446744073709551615"],
        &["up", "--grace", "18446744073709551615"],
        &["audit", "--wait", "18446744073709551615"],
        &["order", "place", "--line", "cup", "--wait", "18446744073709551615"],
        &["load", "--rate", "0"],
        &["load", "--gateway", "nope"],
        &["load", "--json", "/no/such/folder/load.json"],
        &["sagas", "list", "--state", "final"],
        &["canary", "catalog"],
        &["canary", "catalog", "--weight", "101"],
        &["canary", "catalog", "--weight", "-1"],
        &["canary", "shop", "--rollback"],
        &["canary", "catalog", "--promote", "--rollback"],
        &["canary", "catalog", "--promote", "--image-tag", "1.2.0"],
        &["cluster"],
        &["cluster", "deploy", "shop"],
        &["cluster", "deploy", "--namespace", "Not_A_Label"],
        &["cluster", "secrets", "--database-host", "gateway=db.example.com"],
        &["cluster", "up", "--images", "some"],
        &["cluster", "up", "--no-platform", "--platform", "here"],
        &["status", "--kubernetes", "--shop", "shop.json"],
        &["sagas", "resume"],
        &["sagas", "resume", "--all", "0198c0de-0000-7000-8000-000000000001"],
        &["dead-letters", "list", "--service", "orders"],
        &["dead-letters", "redrive"],
        &["dead-letters", "redrive", "--all", "0198c0de-0000-7000-8000-000000000001"],
        &["dead-letters", "discard", "0198c0de-0000-7000-8000-000000000001"],
    ] {
        assert_eq!(madang(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn completions_are_printed_for_a_shell() {
    let script = madang(&["completions", "bash"]);
    assert!(script.status.success());
    assert!(text(&script.stdout).contains("_madang"));
}

#[test]
fn a_shop_that_is_not_there_ends_with_69_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("shop.json");
    let place = r#"{ "url": "http://127.0.0.1:9", "admin_url": "http://127.0.0.1:9", "pid": null }"#;
    std::fs::write(&nowhere, format!(r#"{{ "services": {{ "gateway": {place}, "inventory": {place}, "orders": {place}, "payments": {place}, "shipping": {place}, "notifications": {place} }} }}"#))
        .unwrap();
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.extend(["--shop", nowhere.to_str().unwrap()]);
        let output = madang(&args);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("is `madang up` running?"), "{args:?}");
        assert!(!text(&output.stderr).contains('\u{1b}'), "colours are for terminals");
    }
}

#[test]
fn a_closed_shop_ends_with_69_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("shop.json");
    for command in COMMANDS {
        let args = [command, &["--shop", closed.to_str().unwrap()]].concat();
        let output = madang(&args);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("is `madang up` running?"), "{args:?}");
    }
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let empty = tempfile::tempdir().unwrap();
    let nowhere = empty.path().join("shop.json");
    let place = r#"{ "url": "http://127.0.0.1:9", "admin_url": "http://127.0.0.1:9", "pid": null }"#;
    std::fs::write(&nowhere, format!(r#"{{ "services": {{ "gateway": {place} }} }}"#)).unwrap();
    for (variable, flag, value) in [
        ("MADANG_SHOP", "--gateway", "http://127.0.0.1:9"),
        ("MADANG_GATEWAY", "--shop", nowhere.to_str().unwrap()),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madang"));
        command.env("XDG_DATA_HOME", empty.path()).env(variable, "");
        let output = command.args(["order", "list", flag, value]).output().unwrap();
        assert_eq!(output.status.code(), Some(69), "{variable}: {}", text(&output.stderr));
    }
}
