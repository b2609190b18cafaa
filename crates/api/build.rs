//! Compiles proto/ with protox, so that nobody needs protoc, and keeps the descriptors for reflection and JSON.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../../proto");
    println!("cargo:rerun-if-changed={}", root.join("madang").display());
    let mut files = Vec::new();
    proto_files(&root.join("madang"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let mut descriptors = compiler.file_descriptor_set();
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    // They hold a card's token: src/redacted.rs says what of them may be shown.
    config.skip_debug([".madang.orders.v1.PlaceOrderRequest", ".madang.payments.v1.AuthorizePaymentRequest"]);
    tonic_prost_build::configure()
        .include_file("madang.rs")
        .codec_path("crate::codec::CheckedCodec")
        .compile_fds_with_config(descriptors.clone(), config)?;

    // Comments are for readers of the source; reflection does not need them.
    for file in &mut descriptors.file {
        file.source_code_info = None;
    }
    let target = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    fs::write(target, descriptors.encode_to_vec())?;
    Ok(())
}

fn proto_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
