//! Who knows one service knows all: each has the same rooms.

use super::{DOMAIN_SERVICES, File};

/// Lines of a main.rs at most.
const MAX_MAIN: usize = 30;
/// In every service.
const ALL: [&str; 5] = ["Cargo.toml", "README.md", "src/main.rs", "src/lib.rs", "src/config.rs"];
/// In every domain service. What ends in a slash is a folder with something in it.
const DOMAIN: [&str; 8] = [
    "migrations/",
    "tests/",
    "src/domain.rs",
    "src/app.rs",
    "src/store.rs",
    "src/grpc.rs",
    "src/grpc/convert.rs",
    "src/grpc/status.rs",
];

/// Rooms that a service lacks; `paths` are all files of the services, from the root of the repository.
pub fn missing_rooms(services: &[&str], paths: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    for service in services {
        let domain: &[&str] = if DOMAIN_SERVICES.contains(service) { &DOMAIN } else { &[] };
        for room in ALL.iter().chain(domain) {
            let path = format!("services/{service}/{room}");
            let is_there = match room.ends_with('/') {
                true => paths.iter().any(|found| found.starts_with(&path)),
                false => paths.contains(&path),
            };
            if !is_there {
                wrong.push(format!("{path} is missing"));
            }
        }
    }
    wrong
}

/// Each main.rs that does more than a process edge should.
pub fn long_mains(files: &[File]) -> Vec<String> {
    let is_main = |file: &&File| file.path.starts_with("services/") && file.path.ends_with("/src/main.rs");
    let length = |file: &File| file.text.lines().count();
    let long = files.iter().filter(is_main).filter(|file| length(file) > MAX_MAIN);
    long.map(|file| format!("{} has {} lines, more than {MAX_MAIN}", file.path, length(file))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(service: &str) -> Vec<String> {
        let rooms = ALL.iter().chain(&DOMAIN).map(|room| room.replace("s/", "s/one.file"));
        rooms.map(|room| format!("services/{service}/{room}")).collect()
    }

    #[test]
    fn a_complete_service_lacks_nothing() {
        assert_eq!(missing_rooms(&["orders"], &complete("orders")), Vec::<String>::new());
    }

    #[test]
    fn every_missing_room_is_told() {
        for gone in ALL.iter().chain(&DOMAIN) {
            let gone = format!("services/orders/{gone}");
            let left: Vec<String> =
                complete("orders").into_iter().filter(|path| !path.starts_with(&gone)).collect();
            assert_eq!(missing_rooms(&["orders"], &left), [format!("{gone} is missing")]);
        }
    }

    #[test]
    fn the_gateway_needs_no_domain() {
        let paths: Vec<String> = ALL.iter().map(|room| format!("services/gateway/{room}")).collect();
        assert_eq!(missing_rooms(&["gateway"], &paths), Vec::<String>::new());
    }

    #[test]
    fn a_long_main_is_told() {
        let main = |lines: usize| File {
            path: "services/orders/src/main.rs".to_owned(),
            text: "//\n".repeat(lines),
        };
        assert_eq!(long_mains(&[main(MAX_MAIN)]).len(), 0);
        assert_eq!(long_mains(&[main(MAX_MAIN + 1)]).len(), 1);
    }
}
