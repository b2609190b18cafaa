use super::*;

const README: &str = "# Title\n\
    ```sh\n\
    git clone x\n\
    make demo # ten orders\n\
    ```\n\
    Then:\n\
    ```console\n\
    make nothing\n\
    ```\n\
    ```sh\n\
    # a comment\n\
    grpcurl -plaintext \\\n  localhost:50051 list\n\
    curl -s 'http://localhost:8080/a#b' | jq .\n\
    ```\n";

#[test]
fn only_blocks_of_sh_count() {
    let blocks = blocks(README).unwrap();
    assert_eq!(blocks.iter().map(|block| block.line).collect::<Vec<_>>(), [2, 10]);
    assert_eq!(blocks[0].commands(), ["git clone x", "make demo"]);
    let calls = ["grpcurl -plaintext localhost:50051 list", "curl -s 'http://localhost:8080/a#b' | jq ."];
    assert_eq!(blocks[1].commands(), calls);
    assert_eq!(blocks[0].kind().unwrap(), Kind::Build);
    assert_eq!(blocks[1].kind().unwrap(), Kind::Run);
    assert_eq!(blocks[1].tools(), ["curl", "grpcurl", "jq"]);
}

#[test]
fn an_open_fence_and_a_mixed_block_are_told() {
    assert!(blocks("```sh\nls\n").is_err());
    let mixed = Block { line: 1, text: "make demo\ncurl x\n".to_owned() };
    assert!(mixed.kind().is_err());
    let unknown = Block { line: 1, text: "sudo reboot\n".to_owned() };
    assert!(unknown.kind().is_err());
    let lasting = Block { line: 1, text: "madang up --data x\n".to_owned() };
    assert_eq!(lasting.kind().unwrap(), Kind::Lasting);
}

#[test]
fn a_quoted_text_may_have_several_lines() {
    let text = "grpcurl -d '{\n  \"a\": 1 # no comment\n}' x\nID=$(curl y) # a comment\ncurl \"$ID\"\n";
    let block = Block { line: 1, text: text.to_owned() };
    let commands = ["grpcurl -d '{ \"a\": 1 # no comment }' x", "ID=$(curl y)", "curl \"$ID\""];
    assert_eq!(
        (block.commands().as_slice(), block.kind().unwrap()),
        (commands.map(str::to_owned).as_slice(), Kind::Run)
    );
}

#[test]
fn ports_are_those_of_the_shop() {
    let text = "curl localhost:8080/a localhost:80801 127.0.0.1:8080 example.org:8080";
    let moved = "curl 127.0.0.1:9/a localhost:80801 127.0.0.1:9 example.org:8080";
    assert_eq!(on_port(text, 8080, 9), moved);
}
