//! The images that `madang cluster up` brings into a kind cluster.

use std::fs;
use std::path::Path;

use super::api_server::Kubernetes;
use super::{Tried, WENT_ON, program};

/// What `tools/images` says is in the tree.
const TAG: &str = "0123456789ab";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The images that are loaded for the charts of the repository.
fn loaded(args: &[&str]) -> Vec<String> {
    let tried = Tried::new(Kubernetes::good(), "kind-madang");
    tried.has_kind();
    fs::create_dir(tried.path().join("tools")).unwrap();
    program(tried.path(), "tools/images", &format!("echo {TAG}"));
    let charts = repository().join("helm").display().to_string();
    let up = ["cluster", "up", "--no-platform", "--kind-config", ".", "--charts", &charts];
    let said = tried.says(&[&up[..], args].concat());
    assert!(said.contains(WENT_ON), "{said}");
    let calls = tried.calls();
    let loaded = calls.iter().find_map(|call| call.strip_prefix("kind load docker-image --name madang "));
    loaded.unwrap_or_else(|| panic!("no images were loaded: {calls:?}")).split(' ').map(Into::into).collect()
}

/// Our images that `kubectl apply -k` names.
fn of_manifests() -> Vec<String> {
    let manifests = fs::read_to_string(repository().join("k8s/base/shop.yaml")).unwrap();
    let images =
        manifests.lines().filter_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix("image: "));
    let images: Vec<String> = images.filter(|image| image.starts_with("madang/")).map(Into::into).collect();
    assert!(images.len() >= 9, "{images:?}");
    images
}

#[test]
fn what_was_built_is_loaded_by_its_digest_and_by_the_name_that_the_manifests_have() {
    let loaded = loaded(&[]);
    assert_eq!(loaded.iter().filter(|image| image.ends_with(TAG)).count(), 9, "{loaded:?}");
    let lacking: Vec<String> = of_manifests().into_iter().filter(|image| !loaded.contains(image)).collect();
    assert_eq!(lacking, Vec::<String>::new());
}

#[test]
fn of_what_was_not_built_no_more_is_loaded_than_what_is_asked_for() {
    let loaded = loaded(&["--images", "load", "--image-tag", "dev"]);
    assert!(loaded.len() == 9 && loaded.iter().all(|image| image.ends_with(":dev")), "{loaded:?}");
}
