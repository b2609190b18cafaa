use super::*;

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

const NOTHING: Vec<String> = Vec::new();

#[test]
fn a_file_beyond_the_limit_is_told_and_then_those_beyond_the_budget_too() {
    let lines = |count: usize| file("cli/src/a.rs", &"\n".repeat(count));
    assert_eq!(long_files(&[lines(LIMIT), lines(BUDGET + 1)]), NOTHING);
    assert_eq!(long_files(&[lines(LIMIT + 1), lines(BUDGET + 1), lines(BUDGET)]).len(), 2);
}

#[test]
fn a_mod_rs_is_told() {
    assert_eq!(mod_files(&[file("cli/src/a/mod.rs", "")]).len(), 1);
    assert_eq!(mod_files(&[file("cli/src/amod.rs", "")]), NOTHING);
}

#[test]
fn a_domain_that_knows_a_library_of_the_border_is_told() {
    for word in NOT_IN_DOMAIN {
        let code = format!("use {word}::Something;");
        let told = impure_domains(&[file("services/orders/src/domain/order.rs", &code)]);
        assert_eq!(told, [format!("services/orders/src/domain/order.rs mentions {word}")]);
    }
    let fine = "//! No tonic here.\nuse crate::domain::Order;\nuse jiff::Timestamp;\n";
    assert_eq!(impure_domains(&[file("services/orders/src/domain.rs", fine)]), NOTHING);
    assert_eq!(impure_domains(&[file("services/orders/src/app.rs", "use tokio::time;")]), NOTHING);
}

#[test]
fn a_domain_that_knows_another_module_is_told() {
    let code = "use crate::{app::{self, App}, domain::Order, store};\nuse crate::grpc;";
    let told = impure_domains(&[file("services/orders/src/domain.rs", code)]);
    let mentions = |module: &str| format!("services/orders/src/domain.rs mentions crate::{module}");
    assert_eq!(told, ["app", "store", "grpc"].map(mentions));
}

#[test]
fn a_store_that_knows_grpc_is_told() {
    for word in NOT_IN_STORE {
        let code = format!("use {word}::Something;");
        assert_eq!(impure_stores(&[file("services/orders/src/store/orders.rs", &code)]).len(), 1, "{word}");
    }
    assert_eq!(impure_stores(&[file("services/orders/src/store.rs", "let s = \"grpc\"; // tonic")]), NOTHING);
}

#[test]
fn a_status_made_of_an_error_elsewhere_is_told() {
    let code = "impl From<app::Error>\n    for Status {\n}";
    assert_eq!(stray_statuses(&[file("services/orders/src/grpc.rs", code)]).len(), 1);
    let code = "impl From<Error> for tonic::Status {}";
    assert_eq!(stray_statuses(&[file("services/orders/src/app.rs", code)]).len(), 1);
    assert_eq!(stray_statuses(&[file("services/orders/src/grpc/status.rs", code)]), NOTHING);
    let other = "impl From<Order> for Status {}\nimpl From<Status> for Error {}";
    assert_eq!(stray_statuses(&[file("services/orders/src/saga.rs", other)]), NOTHING);
}

#[test]
fn what_is_unfinished_is_told() {
    for what in UNFINISHED {
        let code = format!("fn later() {{ {what}() }}");
        assert_eq!(unfinished(&[file("cli/src/a.rs", &code)]).len(), 1, "{what}");
    }
    assert_eq!(unfinished(&[file("cli/src/a.rs", "#[ignore]\nfn a() {}")]).len(), 1);
    let fine = "#[ignore = \"slow\"]\nfn a() { let todo = \"todo!()\"; } // todo!()";
    assert_eq!(unfinished(&[file("cli/src/a.rs", fine)]), NOTHING);
}
