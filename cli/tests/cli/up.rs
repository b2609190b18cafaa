use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::stub::{Installation, Life, kill};

fn failure(installation: &Installation, args: &[&str]) -> String {
    let Output { status, stderr, .. } = installation.command(args).output().unwrap();
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).unwrap()
}

#[test]
fn the_shop_opens_tells_where_it_is_and_closes_on_sigterm() {
    let installation = Installation::new();
    let mut up = installation.up(&[]);
    assert_eq!(up.shop["services"].as_array().unwrap().len(), 8);
    assert_eq!(up.service("orders")["version"], "0.0.7");
    let file = installation.data.path().join("shop.json");
    let shop: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(shop["services"]["orders"]["pid"], up.service("orders")["pid"]);
    assert!(installation.data.path().join("logs/orders.log").is_file());

    let (life, gateway) = (up.life("orders"), up.life("gateway"));
    assert_eq!(up.end(Signal::TERM).code(), Some(0));
    life.end();
    gateway.end();
    assert!(!file.exists(), "a closed shop is not found");
}

#[test]
fn services_are_told_where_the_console_receives_their_traces() {
    let told = |installation: &Installation, service: &str| {
        std::fs::read_to_string(installation.data.path().join(format!("told-{service}"))).unwrap()
    };
    let telling = |installation: Installation, service: &str| {
        let file = installation.data.path().join(format!("told-{service}"));
        let commands = format!("echo \"$MADANG_OTLP_ENDPOINT,$MADANG_OTLP_LISTEN\" >'{}'", file.display());
        installation.before(service, &commands)
    };
    let installation = ["orders", "console"].into_iter().fold(Installation::new(), telling);
    let mut up = installation.up(&[]);
    let endpoint = up.shop["otlp"].as_str().unwrap();
    assert_eq!(told(&installation, "orders"), format!("{endpoint},\n"));
    assert_eq!(told(&installation, "console"), format!(",{}\n", endpoint.trim_start_matches("http://")));
    up.end(Signal::TERM);

    let mut without = installation.up(&["--no-traces"]);
    assert_eq!(without.shop["otlp"], Value::Null);
    assert_eq!(told(&installation, "orders"), ",\n");
    without.end(Signal::TERM);
}

#[test]
fn ctrl_c_closes_it_too() {
    let mut up = Installation::new().up(&[]);
    assert_eq!(up.end(Signal::INT).code(), Some(0));
}

#[test]
fn a_second_shop_on_the_same_data_is_refused() {
    let installation = Installation::new();
    let _first = installation.up(&[]);
    let told = failure(&installation, &[]);
    assert!(told.contains("a shop already runs on") && told.contains("--data"), "{told}");
}

#[test]
fn a_bad_setting_is_told_in_the_words_of_the_service() {
    let installation =
        Installation::new().before("payments", "echo 'MADANG_DATABASE: no such scheme' >&2; exit 64");
    let told = failure(&installation, &[]);
    assert!(told.contains("payments ended at its start (exit status: 64)"), "{told}");
    assert!(told.contains("MADANG_DATABASE: no such scheme"), "{told}");
}

#[test]
fn a_service_that_is_not_ready_is_named_with_its_last_lines() {
    let installation =
        Installation::new().before("orders", "echo 'waiting for the moon'; exec tail -f /dev/null");
    let told = failure(&installation, &["--wait", "1"]);
    assert!(told.contains("orders is not ready after 1 s"), "{told}");
    assert!(told.contains("logs/orders.log") && told.contains("waiting for the moon"), "{told}");
}

#[test]
fn a_missing_binary_is_named() {
    let installation = Installation::new();
    installation.remove("shipping");
    let told = failure(&installation, &[]);
    assert!(told.contains("madang-shipping not found in"), "{told}");
}

#[test]
fn a_port_taken_in_the_meantime_is_answered_with_other_ports() {
    // Says once that its port is taken.
    let once = "[ -e tried ] || { touch tried; echo 'Address already in use (os error 98)'; exit 1; }";
    let installation = Installation::new();
    let cd = format!("cd '{}'\n{once}", installation.data.path().display());
    let mut up = installation.before("catalog", &cd).up(&[]);
    up.hear("a port was just taken");
}

#[test]
fn what_dies_is_started_again() {
    let installation = Installation::new();
    let mut up = installation.up(&[]);
    let old = up.pid("payments");
    kill(old, Signal::KILL);
    let said = up.hear("payments ended");
    assert!(said.contains("signal: 9") && said.contains("started again in 0.5 s"), "{said}");
    up.hear("payments is ready again");
    let shop = std::fs::read(installation.data.path().join("shop.json")).unwrap();
    let shop: Value = serde_json::from_slice(&shop).unwrap();
    assert_ne!(shop["services"]["payments"]["pid"], old);
    assert!(shop["services"]["payments"]["pid"].is_u64());
}

/// Writes down when the service is told to end and, a while later, when it has ended.
fn slow(installation: Installation, service: &str) -> Installation {
    let told = installation.data.path().join("told");
    let told = told.display();
    let end = format!("echo {service} begins >>'{told}'; sleep 0.3; echo {service} ends >>'{told}'");
    let commands = format!(
        "[ -n \"$INNER\" ] || {{ trap '{}; kill $stub; exit 0' TERM; INNER=1 \"$0\" & stub=$!; wait; }}",
        end.replace('\'', "\"")
    );
    installation.before(service, &commands)
}

#[test]
fn who_asks_ends_before_who_answers() {
    let installation =
        ["gateway", "orders", "inventory", "shipping"].into_iter().fold(Installation::new(), slow);
    let mut up = installation.up(&[]);
    assert_eq!(up.end(Signal::INT).code(), Some(0));
    let told = std::fs::read_to_string(installation.data.path().join("told")).unwrap();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(told[..4], ["gateway begins", "gateway ends", "orders begins", "orders ends"]);
    let together = told[4..6].iter().all(|line| line.ends_with("begins"));
    assert!(told.len() == 8 && together, "{told:?}");
}

#[test]
fn who_does_not_end_in_time_is_killed() {
    let installation = Installation::new().before("shipping", "trap '' TERM");
    let mut up = installation.up(&["--grace", "1"]);
    let life = up.life("shipping");
    assert_eq!(up.end(Signal::TERM).code(), Some(0));
    up.hear("shipping did not end by itself and was killed");
    life.end();
}

#[test]
fn a_second_ctrl_c_ends_it_at_once() {
    let installation = Installation::new().before("gateway", "trap '' TERM");
    let mut up = installation.up(&["--grace", "60"]);
    kill(i32::try_from(up.child.id()).unwrap(), Signal::INT);
    up.hear("closing the shop");
    assert_eq!(up.end(Signal::INT).code(), Some(0));
    // Their phase had not begun.
    up.hear("orders did not end by itself and was killed");
}

#[test]
#[cfg(target_os = "linux")]
fn services_do_not_outlive_a_shop_that_was_killed() {
    let installation = Installation::new();
    let mut up = installation.up(&[]);
    let lives = ["catalog", "orders", "console"].map(|service| up.life(service));
    up.end(Signal::KILL);
    lives.into_iter().for_each(Life::end);
}
