//! An object of Kubernetes, as it was rendered.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

/// Labels, or a selector of labels.
pub(crate) type Labels = BTreeMap<String, String>;

/// An object of Kubernetes.
#[derive(Debug, Clone)]
pub(crate) struct Object(pub(crate) Value);

impl Object {
    /// All objects of a text; what is empty is none.
    pub(crate) fn parse(text: &str) -> Result<Vec<Self>> {
        let options = serde_saphyr::options! { budget: None };
        let values: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)?;
        Ok(values.into_iter().filter(|value| !value.is_null()).map(Self).collect())
    }

    /// Its kind.
    pub(crate) fn kind(&self) -> &str {
        text(&self.0, "/kind")
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        text(&self.0, "/metadata/name")
    }

    /// What messages call it.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.kind(), self.name())
    }

    /// What lies at a path; null where nothing does.
    pub(crate) fn at(&self, path: &str) -> &Value {
        self.0.pointer(path).unwrap_or(&Value::Null)
    }

    /// The template of its pods, or itself where it is a pod; none where it makes no pods.
    pub(crate) fn pod(&self) -> Option<&Value> {
        match self.kind() {
            "Pod" => Some(&self.0),
            _ => {
                self.0.pointer("/spec/template").filter(|template| !template["spec"]["containers"].is_null())
            }
        }
    }
}

/// The text at a path, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The members of the list at a path, none where there is no list.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of the list at a path.
pub(crate) fn texts(value: &Value, path: &str) -> Vec<String> {
    list(value, path)
        .iter()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect()
}

/// The labels at a path.
pub(crate) fn labels(value: &Value, path: &str) -> Labels {
    let map = value.pointer(path).and_then(Value::as_object);
    let told = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    map.into_iter().flatten().map(|(key, value)| (key.clone(), told(value))).collect()
}

/// The one object of this kind and name.
#[track_caller]
pub(crate) fn one<'a>(objects: &'a [Object], kind: &str, name: &str) -> &'a Object {
    let found: Vec<&Object> =
        objects.iter().filter(|object| object.kind() == kind && object.name() == name).collect();
    assert_eq!(found.len(), 1, "of {kind} {name} there are {}", found.len());
    found[0]
}

/// All objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Object], kind: &str) -> impl Iterator<Item = &'a Object> {
    objects.iter().filter(move |object| object.kind() == kind)
}

/// The same objects with something broken by hand: a value put where a path leads.
#[track_caller]
pub(crate) fn broken(objects: &[Object], of: (&str, &str), path: &str, value: Value) -> Vec<Object> {
    let _there = one(objects, of.0, of.1);
    let mut objects = objects.to_vec();
    for object in objects.iter_mut().filter(|object| object.kind() == of.0 && object.name() == of.1) {
        put(&mut object.0, path, value.clone());
    }
    objects
}

/// The same objects without one.
#[track_caller]
pub(crate) fn without(objects: &[Object], kind: &str, name: &str) -> Vec<Object> {
    let _there = one(objects, kind, name);
    let others = objects.iter().filter(|object| object.kind() != kind || object.name() != name);
    others.cloned().collect()
}

#[track_caller]
fn put(root: &mut Value, path: &str, value: Value) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match root.pointer_mut(parent) {
        Some(Value::Object(map)) if value.is_null() => {
            assert!(map.remove(&key).is_some(), "nothing is at {path}")
        }
        Some(Value::Object(map)) => drop(map.insert(key, value)),
        Some(Value::Array(list)) if key == "-" => list.push(value),
        Some(Value::Array(list)) => list[key.parse::<usize>().unwrap()] = value,
        _ => panic!("nothing is at {parent}"),
    }
}
