//! tools/images, run with a script in place of kind or docker.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{SERVICES, images, list, read, set, text, tidy};
use crate::object::Object;
use crate::of_charts;

/// A copy of what tools/images reads, as a repository of its own.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifests = SERVICES.map(|name| format!("services/{name}/Cargo.toml"));
    let files = ["tools/images", "cli/Cargo.toml", "Cargo.toml", "Cargo.lock", "Dockerfile"];
    for file in files.into_iter().chain(manifests.iter().map(String::as_str)) {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(tidy::root().join(file), path).unwrap();
    }
    run(Command::new("git").args(["init", "--quiet"]), folder.path());
    run(Command::new("git").args(["add", "."]), folder.path());
    folder
}

fn run(command: &mut Command, folder: &Path) -> String {
    let output = command.current_dir(folder).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What a repository's tools/images prints where a script, put into a folder, stands for one of the programs that it runs.
fn told(repository: &Path, folder: &Path, (program, script): (&str, &str), args: &[&str]) -> String {
    let stands_for = folder.join(program);
    fs::write(&stands_for, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&stands_for, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    run(Command::new(repository.join("tools/images")).args(args).env("PATH", path), repository)
}

/// What `tools/images load` has kind load.
fn loaded(repository: &Path) -> BTreeSet<String> {
    let told = told(repository, repository, ("kind", "echo \"$*\""), &["load", "shop"]);
    let images = told.strip_prefix("load docker-image --name shop ").unwrap_or_else(|| panic!("{told}"));
    set(images.split_whitespace())
}

/// Our images that `kubectl apply -k` has the cluster run.
fn of_manifests() -> BTreeSet<String> {
    let objects = Object::parse(&read("k8s/base/shop.yaml")).unwrap();
    let containers = objects.iter().filter_map(Object::pod).flat_map(|pod| list(pod, "/spec/containers"));
    set(containers.map(|it| text(it, "/image")).filter(|image| image.starts_with("madang/")))
}

#[test]
fn what_is_loaded_into_kind_has_the_names_that_the_manifests_have_and_each_service_its_own_version() {
    let repository = repository();
    let (tagged, wanted) = (loaded(repository.path()), of_manifests());
    assert_eq!(wanted.len(), images().len(), "{wanted:?}");
    assert_eq!(wanted.difference(&tagged).collect::<Vec<_>>(), Vec::<&String>::new(), "{tagged:?}");
    assert_eq!(tagged.len(), 2 * images().len(), "{tagged:?}");

    let manifest = repository.path().join("services/orders/Cargo.toml");
    let next =
        fs::read_to_string(&manifest).unwrap().replacen("version = \"0.1.0\"", "version = \"9.9.9\"", 1);
    fs::write(manifest, next).unwrap();
    let newer = loaded(repository.path());
    assert!(newer.contains("madang/orders:9.9.9") && !newer.contains("madang/orders:0.1.0"), "{newer:?}");
    assert!(newer.contains("madang/payments:0.1.0"), "{newer:?}");
    let digest = |all: &BTreeSet<String>| {
        all.iter().find(|it| it.starts_with("madang/cli:") && !it.contains('.')).cloned()
    };
    assert!(digest(&newer).is_some() && digest(&newer) != digest(&tagged), "{newer:?}");
}

/// Keeps the folder that it is to build from, which is its last argument; afterwards it says that an image is there.
const KEEPS: &str = r#"[ "$1" = build ] || { echo "madang/x:$(tools/images tag) "; exit; }
for context; do :; done
[ -e "$PICTURE" ] || cp -R "$context" "$PICTURE""#;

/// The packages of a workspace, as folders.
fn members(workspace: &Path) -> BTreeSet<String> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"]);
    let packages = tidy::crates::packages(&run(&mut metadata, workspace)).unwrap();
    set(packages.into_iter().map(|package| package.folder))
}

#[test]
fn what_images_are_built_from_is_a_whole_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture");
    let docker = format!("PICTURE={}\n{KEEPS}", picture.display());
    let _built = told(&tidy::root(), folder.path(), ("docker", &docker), &["build"]);
    let dockerfile = read("Dockerfile");
    let whole = dockerfile.lines().find_map(|line| line.strip_prefix("RUN for crate")).unwrap();
    run(Command::new("bash").args(["-c", &format!("for crate{whole}")]), &picture);
    let members = members(&tidy::root());
    assert_eq!(self::members(&picture), members);
    assert!(!picture.join("tests/src/tidy.rs").exists(), "what is not built would build everything anew");

    // `docker build .` and skaffold take the tree itself, and of it what this file lets through.
    let passes = words_of_dockerignore();
    let table = "docs/policies.md";
    assert!(picture.join(table).exists() && passes.contains(table), "`madang prove` is built with {table}");
    let is_built =
        |folder: &String| passes.iter().any(|it| folder.starts_with(&format!("{it}/")) || folder == it);
    let lacking = members.iter().filter(|it| !is_built(it) && !passes.contains(&format!("{it}/Cargo.toml")));
    assert_eq!(lacking.collect::<Vec<_>>(), Vec::<&String>::new(), ".dockerignore");
}

fn words_of_dockerignore() -> BTreeSet<String> {
    set(read(".dockerignore").lines().filter_map(|line| line.strip_prefix('!')))
}

/// As docker tells the digests of an image that it pushed: of every repository that has it. They are kept in `pushed`.
const DOCKER: &str = r#"[ "$1" = image ] || exit 0
digest=sha256:$(echo "$5" | sha256sum | cut -d' ' -f1)
echo "${5%:*}@$digest" >>pushed
printf 'elsewhere/%s\n%s\n' "${5%:*}@$digest" "${5%:*}@$digest""#;

#[test]
fn the_values_of_a_release_name_every_image_of_ours_by_the_digest_that_the_registry_has() {
    let charts = of_charts!();
    let repository = repository();
    let folder = repository.path();
    let args = ["release", "registry.example.com:5000/team"];
    fs::write(folder.join("release.yaml"), told(folder, folder, ("docker", DOCKER), &args)).unwrap();
    let mut helm = Command::new("helm");
    helm.args(["template", "madang", "-f", "release.yaml"]).arg(charts.of("madang"));
    let objects = Object::parse(&run(&mut helm, folder)).unwrap();
    let containers = objects.iter().filter_map(Object::pod).flat_map(|pod| list(pod, "/spec/containers"));
    let ours = set(containers.map(|it| text(it, "/image")).filter(|image| image.contains("madang/")));
    let pushed = fs::read_to_string(folder.join("pushed")).unwrap();
    assert_eq!(ours, set(pushed.lines()));
    assert_eq!(ours.len(), images().len(), "{ours:?}");
    assert!(ours.iter().all(|image| image.starts_with("registry.example.com:5000/team/madang/")), "{ours:?}");
}
