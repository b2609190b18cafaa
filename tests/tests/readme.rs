//! The commands of both READMEs work as pasted.
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by its panic")]
#![expect(clippy::print_stdout, reason = "what is not run is told, for who reads the test's output")]

use std::collections::BTreeSet;

use madang_tests::readme::{self, Block, Kind};
use madang_tests::{Shop, tidy};

const READMES: [&str; 2] = ["README.md", "README.ko.md"];

/// The blocks of a README; none, with a word about it, while it does not exist.
fn blocks(name: &str) -> Option<Vec<Block>> {
    let Ok(text) = std::fs::read_to_string(tidy::root().join(name)) else {
        println!("{name} does not exist yet: its commands are not checked");
        return None;
    };
    let blocks = readme::blocks(&text).unwrap();
    assert!(!blocks.is_empty(), "{name} has no block of commands (```sh)");
    Some(blocks)
}

/// The tools that are missing here. In CI none may be.
async fn missing(blocks: &[Block]) -> BTreeSet<&'static str> {
    let mut missing = BTreeSet::new();
    for tool in blocks.iter().flat_map(Block::tools).collect::<BTreeSet<_>>() {
        if !readme::is_installed(tool).await {
            missing.insert(tool);
        }
    }
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(missing.is_empty() || !is_ci, "in CI these must be installed: {missing:?}");
    missing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works_as_pasted() {
    for name in READMES {
        if let Some(blocks) = blocks(name) {
            run_all(name, &blocks).await;
        }
    }
}

/// Runs the blocks in their order, all in one shop.
async fn run_all(name: &str, blocks: &[Block]) {
    let missing = missing(blocks).await;
    let shop = Shop::open_traced().await.unwrap();
    for block in blocks {
        let lacks = block.tools().into_iter().find(|tool| missing.contains(tool));
        let not_run = |why: &str| println!("{name}:{} is not run, {why}:\n{}", block.line, block.text);
        match (block.kind().unwrap(), lacks) {
            (Kind::Run, None) => {
                readme::run(block, &shop).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
            }
            (Kind::Run, Some(tool)) => not_run(&format!("there is no {tool} here")),
            (Kind::Lasting, _) => not_run("it keeps a shop open"),
            (Kind::Build, _) => {}
        }
    }
}

/// The kinds of commands that a README has, each once, so that the way they are run is known to work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_every_tool_reach_the_shop() {
    let text = "```sh\n\
        curl -fsS localhost:8080/api/products?page_size=1\n\
        curl -fsS localhost:8081/ -o page.html\n\
        ```\n\
        ```sh\n\
        grpcurl -plaintext -d '{\n  \"product_id\": \"homi-hand-hoe\"\n}' \\\n\
        \x20 localhost:50051 madang.catalog.v1.CatalogService/GetProduct\n\
        ```\n\
        ```sh\n\
        madang order place --line homi-hand-hoe=1\n\
        madang status\n\
        ```\n";
    let blocks = readme::blocks(text).unwrap();
    assert_eq!(blocks.len(), 3);
    run_all("made up", &blocks).await;
}

#[tokio::test]
async fn every_target_exists() {
    for name in READMES {
        for block in blocks(name).unwrap_or_default() {
            if block.kind().unwrap() == Kind::Build {
                readme::dry_run(&block).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
            }
        }
    }
}

#[test]
fn both_languages_have_the_same_commands() {
    let commands = |name: &str| blocks(name).map(|it| it.iter().map(Block::commands).collect::<Vec<_>>());
    let [Some(english), Some(korean)] = READMES.map(commands) else { return };
    assert_eq!(english, korean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_fails_is_told_with_what_it_printed() {
    let shop = Shop::new(&[]).unwrap();
    let block = |text: &str| Block { line: 7, text: text.to_owned() };
    let bad = readme::run(&block("echo before\nls /no-such-file\necho after\n"), &shop)
        .await
        .unwrap_err()
        .to_string();
    assert!(bad.contains("line 7") && bad.contains("before") && bad.contains("no-such-file"), "{bad}");
    assert!(!bad.contains("stdout: before\nafter"), "{bad}");
    readme::run(&block("madang --version\ntest -f \"$MADANG_SHOP\"\n"), &shop).await.unwrap();
    assert!(readme::dry_run(&block("make no-such-target\n")).await.is_err());
}
