use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;

use super::wanted::Wanted;

/// How a Secret came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It was made now.
    Created,
    /// It was there.
    There,
    /// It was there, and leads to another host than was asked for now.
    OtherHost,
}

/// A Secret that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) found: Found,
}

impl Found {
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::There => "there already",
            Self::OtherHost => "there already, with another host",
        }
    }
}

/// Makes those that are missing. Those that lack keys are told all at once, when the others are there.
///
/// # Errors
/// Names what lacks keys; or the API server refuses.
pub(super) async fn ensure(
    api: &Api<Secret>,
    wanted: &[Wanted],
    password: impl Fn() -> Result<String>,
) -> Result<Vec<Outcome>> {
    let (mut outcomes, mut wrong) = (Vec::new(), Vec::new());
    for wanted in wanted {
        let name = wanted.name();
        let found = match get(api, &name).await? {
            Some(secret) => Some(secret),
            None => create(api, wanted.object(&password)?, &name).await?,
        };
        let lacks = found.as_ref().map_or_else(Vec::new, |secret| wanted.lacks(secret));
        if !lacks.is_empty() {
            wrong.push(format!("Secret {name} is there but lacks {}", lacks.join(", ")));
        }
        let found = match found {
            None => Found::Created,
            Some(secret) if wanted.is_elsewhere(&secret) => Found::OtherHost,
            Some(_) => Found::There,
        };
        outcomes.push(Outcome { name, found });
    }
    match wrong.is_empty() {
        true => Ok(outcomes),
        false => bail!(
            "{}; it was not changed: add the keys, or delete it together with the data that it guards",
            wrong.join("; ")
        ),
    }
}

async fn get(api: &Api<Secret>, name: &str) -> Result<Option<Secret>> {
    api.get_opt(name).await.with_context(|| format!("cannot read Secret {name}"))
}

/// Makes it; answers the one that another made meanwhile, where one did.
async fn create(api: &Api<Secret>, secret: Secret, name: &str) -> Result<Option<Secret>> {
    match api.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            let found = get(api, name).await?;
            found
                .map(Some)
                .with_context(|| format!("Secret {name} was made and deleted by another meanwhile"))
        }
        Err(error) => Err(error).with_context(|| format!("cannot make Secret {name}")),
    }
}

#[cfg(test)]
mod tests;
