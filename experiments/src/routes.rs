//! The routes of the mesh to a service.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{Kind, Kubernetes};

/// Changes every route to a service.
pub(crate) async fn each(
    kubernetes: &dyn Kubernetes,
    service: &str,
    alter: impl FnMut(&mut Value),
) -> Result<()> {
    let object = Kind::VirtualService.named(service);
    let mut http = kubernetes.read(&object).await?["spec"]["http"].take();
    let routes = http.as_array_mut().with_context(|| format!("{service} has no routes"))?;
    routes.iter_mut().for_each(alter);
    kubernetes.change(&object, json!({ "spec": { "http": http } })).await
}
