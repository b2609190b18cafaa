//! Merge patches (RFC 7396) that undo merge patches.

use serde_json::{Map, Value};

/// What makes an object again what it is now, once it is patched.
pub(super) fn inverse(now: &Value, patch: &Value) -> Value {
    match (now, patch) {
        (Value::Object(now), Value::Object(patch)) => {
            let undone = patch.iter().map(|(key, change)| match now.get(key) {
                Some(value) => (key.clone(), inverse(value, change)),
                None => (key.clone(), Value::Null),
            });
            Value::Object(undone.collect())
        }
        (now, _) => now.clone(),
    }
}

/// One patch that does what both do. Where both say something, the later one has it.
pub(super) fn merged(earlier: Value, later: Value) -> Value {
    match (earlier, later) {
        (Value::Object(mut earlier), Value::Object(later)) => {
            for (key, value) in later {
                let before = earlier.remove(&key).unwrap_or_else(|| Value::Object(Map::new()));
                let value = if before.is_object() { merged(before, value) } else { value };
                earlier.insert(key, value);
            }
            Value::Object(earlier)
        }
        (_, later) => later,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// RFC 7396, as an API server applies it.
    fn apply(target: &Value, patch: &Value) -> Value {
        let Value::Object(patch) = patch else { return patch.clone() };
        let mut target = target.as_object().cloned().unwrap_or_default();
        for (key, value) in patch {
            if value.is_null() {
                target.remove(key);
            } else {
                let before = target.remove(key).unwrap_or_default();
                target.insert(key.clone(), apply(&before, value));
            }
        }
        Value::Object(target)
    }

    #[test]
    fn what_was_there_comes_back_and_what_was_not_goes() {
        let now = json!({ "spec": { "replicas": 2, "http": [1, 2] } });
        let patch = json!({ "spec": { "replicas": 0, "http": [], "paused": true } });
        let undo = inverse(&now, &patch);
        assert_eq!(undo, json!({ "spec": { "replicas": 2, "http": [1, 2], "paused": null } }));
        assert_eq!(apply(&apply(&now, &patch), &undo), now);
    }

    /// Objects of Kubernetes: no null in them, and never an object in place of something else.
    fn objects() -> impl Strategy<Value = Value> {
        let leaves = prop_oneof![any::<bool>().prop_map(Value::from), (0..9).prop_map(Value::from)];
        let level = |inner: BoxedStrategy<Value>| {
            prop::collection::btree_map("[ab]", inner, 1..3)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        };
        level(level(leaves.boxed()).boxed())
    }

    proptest! {
        #[test]
        fn two_changes_are_undone_by_what_is_kept_of_both(now in objects(), one in objects(), two in objects()) {
            let first = inverse(&now, &one);
            let changed = apply(&now, &one);
            // What is known from before the first goes over what the second found.
            let both = merged(inverse(&changed, &two), first);
            prop_assert_eq!(apply(&apply(&changed, &two), &both), now);
        }
    }
}
