//! Lookup of services and templates by id or name.

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;
use uuid::Uuid;

use crate::client::Client;

/// The `--service` option.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ServiceArg {
    /// Service, by id or name [default: the only one, else the demo service]
    #[arg(long, value_name = "ID|NAME")]
    pub(super) service: Option<String>,
}

impl ServiceArg {
    /// Returns the id of the service. Without `--service`, that of the only service or of the demo service.
    pub(super) async fn find(&self, client: &Client) -> anyhow::Result<Uuid> {
        let services = client.get("/service", &[]).await?;
        let services = services.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(wanted) = &self.service {
            return id_of(pick(services, wanted, "service")?);
        }
        match services {
            [] => bail!("there is no service yet: create one with `pillarbox service create NAME`"),
            [only] => id_of(only),
            several => {
                let demo = app::fixtures::demo::DEMO_SERVICE.as_uuid();
                if several
                    .iter()
                    .any(|one| id_of(one).is_ok_and(|id| id == demo))
                {
                    return Ok(demo);
                }
                bail!(
                    "there are several services: choose one with --service ({})",
                    names(several)
                )
            }
        }
    }
}

/// Finds a template of a service by id or name. Archived templates are ignored.
pub(super) async fn find_template(
    client: &Client,
    service: Uuid,
    wanted: &str,
) -> anyhow::Result<Value> {
    let templates = client
        .get(&format!("/service/{service}/template"), &[])
        .await?;
    let templates = templates.as_array().map(Vec::as_slice).unwrap_or_default();
    let current: Vec<Value> = templates
        .iter()
        .filter(|one| one["archived"] != true)
        .cloned()
        .collect();
    pick(&current, wanted, "template").cloned()
}

/// Returns the id of an object.
pub(super) fn id_of(object: &Value) -> anyhow::Result<Uuid> {
    object["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .context("the response of the platform has no id")
}

/// Finds an object by id, or by name ignoring case.
fn pick<'all>(all: &'all [Value], wanted: &str, noun: &str) -> anyhow::Result<&'all Value> {
    if let Ok(id) = wanted.parse::<Uuid>() {
        let found = all.iter().find(|one| id_of(one).is_ok_and(|one| one == id));
        return found.with_context(|| format!("there is no {noun} {id}{}", available(all)));
    }
    let name = wanted.trim().to_lowercase();
    let mut found = all.iter().filter(|one| {
        one["name"]
            .as_str()
            .is_some_and(|one| one.trim().to_lowercase() == name)
    });
    // Two are enough to know that the name is ambiguous.
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => bail!("more than one {noun} is called `{wanted}`: give its id"),
        (None, _) => bail!("there is no {noun} called `{wanted}`{}", available(all)),
    }
}

fn available(all: &[Value]) -> String {
    if all.is_empty() {
        String::new()
    } else {
        format!("; there are: {}", names(all))
    }
}

fn names(all: &[Value]) -> String {
    const SHOWN: usize = 10;
    let mut names: Vec<&str> = all
        .iter()
        .filter_map(|one| one["name"].as_str())
        .take(SHOWN)
        .collect();
    if all.len() > SHOWN {
        names.push("…");
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_found_by_id_or_by_name() {
        let id = "5f3b0a4e-0000-4000-8000-000000000001";
        let all = [
            json!({"id": id, "name": "Bin day"}),
            json!({"id": "x", "name": "Other"}),
            json!({"id": "y", "name": "other"}),
        ];
        assert_eq!(pick(&all, "bin DAY ", "template").unwrap()["id"], id);
        assert_eq!(
            pick(&all, &id.to_uppercase(), "template").unwrap()["name"],
            "Bin day"
        );
        let missing = pick(&all, "Bins", "template").unwrap_err().to_string();
        assert_eq!(
            missing,
            "there is no template called `Bins`; there are: Bin day, Other, other"
        );
        assert!(pick(&all, "other", "template").is_err());
    }
}
