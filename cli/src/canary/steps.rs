use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::cluster::charts::Release;
use crate::cluster::tool::Call;

/// What is wanted of a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Want {
    /// It gets so much of a hundred calls.
    Weight {
        /// How much.
        weight: u8,
        /// Of which image it is, where that is to change.
        image_tag: Option<String>,
    },
    /// Its version becomes the stable one.
    Promote,
    /// It goes.
    Rollback,
}

/// What a release has now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) is_enabled: bool,
    pub(crate) weight: u64,
    pub(crate) canary_tag: String,
    /// The stable pods' tag; empty where it is the chart's own.
    pub(crate) stable_tag: String,
    /// Whether the tag is set for all images, which goes over the service's own.
    has_global_tag: bool,
    /// Whether the image is named by its digest, which goes over its tag.
    has_digest: bool,
}

/// A change of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    sets: Vec<String>,
    /// Texts, which Helm would else take for numbers.
    texts: Vec<String>,
    /// Whether pods must serve before the next.
    pub(crate) waits: bool,
}

impl State {
    /// The state that a release's values have.
    pub(crate) fn of(values: &Value) -> Self {
        let text = |path: &str| values.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let global = text("/global/imageTag");
        Self {
            is_enabled: values.pointer("/canary/enabled").and_then(Value::as_bool).unwrap_or_default(),
            weight: values.pointer("/canary/weight").and_then(Value::as_u64).unwrap_or_default(),
            canary_tag: text("/canary/image/tag"),
            has_global_tag: !global.is_empty(),
            stable_tag: if global.is_empty() { text("/image/tag") } else { global },
            has_digest: !text("/image/digest").is_empty(),
        }
    }
}

impl Step {
    /// A change of these values; whether pods must serve after it.
    pub(crate) fn new<const N: usize>(sets: [&str; N], waits: bool) -> Self {
        Self { sets: sets.map(ToOwned::to_owned).into(), texts: Vec::new(), waits }
    }

    fn weight(weight: u8) -> Self {
        Self { sets: vec![format!("canary.weight={weight}")], texts: Vec::new(), waits: false }
    }

    fn text(mut self, key: &str, value: &str) -> Self {
        self.texts.push(format!("{key}={value}"));
        self
    }

    /// How Helm makes it.
    pub(crate) fn call(&self, release: Release, chart: &str) -> Call {
        let sets = self.sets.iter().flat_map(|set| ["--set".to_owned(), set.clone()]);
        let texts = self.texts.iter().flat_map(|set| ["--set-string".to_owned(), set.clone()]);
        Call::new("helm", ["upgrade", release.name(), chart, "--reuse-values", "--timeout", "5m"])
            .args(sets)
            .args(texts)
            .within(Duration::from_secs(330))
    }
}

/// The changes that lead from what is to what is wanted.
///
/// # Errors
/// What is refused: there is no canary, or none that differs.
pub(crate) fn steps(release: Release, state: &State, want: &Want) -> Result<Vec<Step>> {
    if !state.is_enabled && !matches!(want, Want::Weight { image_tag: Some(_), .. }) {
        bail!(
            "there is no canary of {release}; `madang canary {release} --weight 10 --image-tag TAG` starts one"
        );
    }
    let off = || [Step::weight(0), Step::new(["canary.enabled=false"], true)];
    match want {
        Want::Rollback => Ok(off().into()),
        Want::Weight { weight, image_tag } => Ok(weigh(state, *weight, image_tag.as_deref())),
        Want::Promote if state.canary_tag.is_empty() => {
            bail!("the canary of {release} has no image of its own, so there is nothing to promote")
        }
        Want::Promote => {
            let mut stable = Step::new([], true).text("image.tag", &state.canary_tag);
            if state.has_global_tag {
                stable = stable.text("global.imageTag", &state.canary_tag);
            }
            if state.has_digest {
                stable = stable.text("image.digest", "");
            }
            Ok([stable].into_iter().chain(off()).collect())
        }
    }
}

fn weigh(state: &State, weight: u8, image_tag: Option<&str>) -> Vec<Step> {
    let with_tag = |step: Step| match image_tag {
        Some(tag) => step.text("canary.image.tag", tag),
        None => step,
    };
    match state.is_enabled {
        // Its calls come when its pods serve.
        false => {
            vec![with_tag(Step::new(["canary.enabled=true", "canary.weight=0"], true)), Step::weight(weight)]
        }
        true if image_tag.is_some() => vec![with_tag(Step::new([], true)), Step::weight(weight)],
        true => vec![Step::weight(weight)],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shop::Service;

    const CATALOG: Release = Release::Of(Service::Catalog);

    fn told(state: &State, want: &Want) -> Vec<String> {
        let steps = steps(CATALOG, state, want).unwrap();
        let one = |step: &Step| {
            let call = step.call(CATALOG, "helm/catalog").to_string();
            let sets =
                call.strip_prefix("helm upgrade catalog helm/catalog --reuse-values --timeout 5m ").unwrap();
            format!("{sets}{}", if step.waits { " and wait" } else { "" })
        };
        steps.iter().map(one).collect()
    }

    fn running() -> State {
        State::of(&json!({ "canary": { "enabled": true, "weight": 10, "image": { "tag": "1.3.0" } } }))
    }

    #[test]
    fn a_canary_gets_calls_when_its_pods_serve() {
        let want = Want::Weight { weight: 10, image_tag: Some("1.3.0".into()) };
        assert_eq!(
            told(&State::default(), &want),
            [
                "--set canary.enabled=true --set canary.weight=0 --set-string canary.image.tag=1.3.0 and wait",
                "--set canary.weight=10"
            ]
        );
        assert_eq!(
            told(&running(), &Want::Weight { weight: 50, image_tag: None }),
            ["--set canary.weight=50"]
        );
    }

    #[test]
    fn a_canary_loses_its_calls_before_its_pods_go() {
        assert_eq!(
            told(&running(), &Want::Rollback),
            ["--set canary.weight=0", "--set canary.enabled=false and wait"]
        );
    }

    #[test]
    fn the_stable_pods_have_the_new_version_before_the_canary_goes() {
        let promoted = told(&running(), &Want::Promote);
        assert_eq!(promoted[0], "--set-string image.tag=1.3.0 and wait");
        assert_eq!(promoted[1..], told(&running(), &Want::Rollback));
    }

    #[test]
    fn what_goes_over_the_tag_is_changed_too() {
        let values = json!({ "global": { "imageTag": "1.2.0" }, "image": { "digest": "sha256:0" },
            "canary": { "enabled": true, "image": { "tag": "1.3.0" } } });
        let state = State::of(&values);
        assert_eq!(state.stable_tag, "1.2.0");
        let first = &told(&state, &Want::Promote)[0];
        let sets = "--set-string image.tag=1.3.0 --set-string global.imageTag=1.3.0 --set-string image.digest= and wait";
        assert_eq!(first, sets);
    }

    #[test]
    fn where_there_is_no_canary_that_is_told() {
        let wants = [Want::Promote, Want::Rollback, Want::Weight { weight: 10, image_tag: None }];
        for want in wants {
            let error = steps(CATALOG, &State::default(), &want).unwrap_err().to_string();
            assert!(error.starts_with("there is no canary of catalog; "), "{error}");
        }
        let own = State { canary_tag: String::new(), ..running() };
        assert!(steps(CATALOG, &own, &Want::Promote).unwrap_err().to_string().contains("nothing to promote"));
    }
}
