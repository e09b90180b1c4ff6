//! The placeholders in the texts of cases: `{{id:svc.live}}`, `{{now-45}}` and so on.

use std::{collections::BTreeMap, time::Duration};

use app::{App, fixtures::Fixtures};
use domain::Timestamp;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

/// The values of the placeholders of one case.
pub(super) struct Tokens<'a> {
    pub(super) app: &'a App,
    pub(super) fixtures: &'a Fixtures,
    pub(super) now: Timestamp,
    pub(super) base: &'a str,
    pub(super) admin_base_url: &'a str,
    pub(super) captured: BTreeMap<String, String>,
}

impl Tokens<'_> {
    /// Replaces every placeholder in a text.
    pub(super) fn fill(&self, text: &str) -> Result<String, String> {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (token, after) = after.split_once("}}").ok_or("a token has no end")?;
            filled.push_str(before);
            filled.push_str(&self.value(token)?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// Replaces every placeholder in the texts of a value.
    pub(super) fn fill_value(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill(text)?),
            Value::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| self.fill_value(item))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Object(members) => {
                let fill = |(name, value): (&String, &Value)| {
                    Ok((self.fill(name)?, self.fill_value(value)?))
                };
                Value::Object(members.iter().map(fill).collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    /// Returns a JWT signed with a key of the fixtures.
    pub(super) fn jwt(&self, key: &str) -> Result<String, String> {
        let key = self
            .fixtures
            .keys
            .get(key)
            .ok_or_else(|| format!("there is no key {key}"))?;
        let claims =
            json!({"iss": self.fixtures.id(&key.service)?, "iat": self.now.unix_seconds()});
        sign(&json!({"typ": "JWT", "alg": "HS256"}), &claims, &key.secret)
    }

    /// Returns a JWT of the internal client.
    pub(super) fn internal_jwt(&self) -> Result<String, String> {
        let text = |name: &str| self.fixtures.config[name].as_str().unwrap_or_default();
        let claims = json!({"iss": text("admin_client_id"), "iat": self.now.unix_seconds()});
        let header = json!({"typ": "JWT", "alg": "HS256"});
        sign(&header, &claims, text("admin_client_secret"))
    }

    /// Returns a JWT as a case describes it. A claim that is only a time becomes a number.
    pub(super) fn described_jwt(&self, auth: &Value) -> Result<String, String> {
        let mut claims = self.fill_value(&auth["claims"])?;
        for (name, as_written) in auth["claims"].as_object().into_iter().flatten() {
            if as_written
                .as_str()
                .is_some_and(|text| text.starts_with("{{now") && text.ends_with("}}"))
                && let Some(seconds) = claims[name]
                    .as_str()
                    .and_then(|text| text.parse::<i64>().ok())
            {
                claims[name] = seconds.into();
            }
        }
        let secret = self.fill(auth["secret"].as_str().unwrap_or_default())?;
        sign(&auth["header"], &claims, &secret)
    }

    fn value(&self, token: &str) -> Result<String, String> {
        let unknown = || format!("the token {token} is not known");
        if token == "base" {
            return Ok(self.base.to_owned());
        }
        if let Some(offset) = token.strip_prefix("now") {
            return self.time(offset).ok_or_else(unknown);
        }
        let (kind, name) = token.split_once(':').ok_or_else(unknown)?;
        match kind {
            "id" => self.fixtures.id(name),
            "id.hex" => Ok(self.fixtures.id(name)?.replace('-', "")),
            "secret" => self
                .fixtures
                .keys
                .get(name)
                .map(|key| key.secret.clone())
                .ok_or_else(unknown),
            "jwt" => self.jwt(name),
            "signed" => {
                let id = self.fixtures.id(name)?;
                let letter = id.parse().map_err(|_| unknown())?;
                Ok(app::receipts::letter_status_token(self.app, letter))
            }
            "unsub_token" => Ok(app::receipts::unsubscribe::unbound_token(
                self.app, name, self.now,
            )),
            "unsub_token_expired" => {
                let then = self.now.minus(Duration::from_hours(24 * 366));
                Ok(app::receipts::unsubscribe::unbound_token(
                    self.app, name, then,
                ))
            }
            "cfg" if name == "admin_base_url" => Ok(self.admin_base_url.to_owned()),
            "cfg" => self.fixtures.config[name]
                .as_str()
                .map(str::to_owned)
                .ok_or_else(unknown),
            "cap" => self
                .captured
                .get(name)
                .cloned()
                .ok_or_else(|| format!("nothing was captured as {name}")),
            "repeat" => {
                let (text, times) = name.rsplit_once(':').ok_or_else(unknown)?;
                Ok(text.repeat(times.parse().map_err(|_| unknown())?))
            }
            _ => Err(unknown()),
        }
    }

    /// Returns `now` with an offset in seconds, as Unix seconds or as a text.
    fn time(&self, offset: &str) -> Option<String> {
        let (offset, in_words) = offset
            .strip_suffix(":iso")
            .map_or((offset, false), |offset| (offset, true));
        let moment = match offset.split_at_checked(1) {
            None => self.now,
            Some(("+", seconds)) => self.now.plus(Duration::from_secs(seconds.parse().ok()?)),
            Some(("-", seconds)) => self.now.minus(Duration::from_secs(seconds.parse().ok()?)),
            Some(_) => return None,
        };
        Some(if in_words {
            moment.to_string().trim_end_matches('Z').to_owned()
        } else {
            moment.unix_seconds().to_string()
        })
    }
}

fn sign(header: &Value, claims: &Value, secret: &str) -> Result<String, String> {
    let header: Header =
        serde_json::from_value(header.clone()).map_err(|error| error.to_string())?;
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).map_err(|error| error.to_string())
}
