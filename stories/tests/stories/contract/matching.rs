//! Compares a response with the expectation of a case (`docs/spec/public-api.md` §1.2).

use domain::Timestamp;
use serde_json::Value;

use super::tokens::Tokens;

/// Compares by value. Captured values can be used in the rest of the case.
pub(super) fn compare(
    expected: &Value,
    actual: &Value,
    at: &str,
    tokens: &mut Tokens<'_>,
) -> Result<(), String> {
    match (expected, actual) {
        (Value::String(pattern), _) if pattern.starts_with('$') => {
            compare_pattern(pattern, actual, at, tokens)
        }
        (Value::String(expected), Value::String(actual)) => {
            let expected = tokens.fill(expected)?;
            if *actual == expected {
                Ok(())
            } else {
                Err(differs(at, &expected, actual))
            }
        }
        (Value::Number(expected), Value::Number(actual))
            if expected.as_f64() == actual.as_f64() =>
        {
            Ok(())
        }
        (Value::Array(expected), Value::Array(items)) => {
            if expected.len() != items.len() {
                return Err(format!(
                    "{at} has {} items, not {}: {actual}",
                    items.len(),
                    expected.len()
                ));
            }
            for (index, (expected, actual)) in expected.iter().zip(items).enumerate() {
                compare(expected, actual, &format!("{at}[{index}]"), tokens)?;
            }
            Ok(())
        }
        (Value::Object(members), Value::Object(_)) => compare_members(members, actual, at, tokens),
        _ if expected == actual => Ok(()),
        _ => Err(differs(at, expected, actual)),
    }
}

/// Compares members in the order of the case, so that one can use what an earlier one captured.
fn compare_members(
    expected: &serde_json::Map<String, Value>,
    actual: &Value,
    at: &str,
    tokens: &mut Tokens<'_>,
) -> Result<(), String> {
    let mut named = Vec::with_capacity(expected.len());
    for (name, value) in expected.iter().filter(|(name, _)| *name != "...") {
        let name = tokens.fill(name)?;
        let found = actual
            .get(&name)
            .ok_or_else(|| format!("{at} has no {name}: {actual}"))?;
        compare(value, found, &format!("{at}.{name}"), tokens)?;
        named.push(name);
    }
    if !expected.contains_key("...") {
        for name in actual
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
        {
            if !named.contains(name) {
                return Err(format!("{at} has {name} too"));
            }
        }
    }
    Ok(())
}

fn compare_pattern(
    pattern: &str,
    actual: &Value,
    at: &str,
    tokens: &mut Tokens<'_>,
) -> Result<(), String> {
    let text = actual.as_str();
    let fits = match pattern {
        "$any" => true,
        "$string" => text.is_some(),
        "$uuid" => text.is_some_and(is_uuid),
        "$datetime" => text.is_some_and(is_datetime),
        other => match (other.strip_prefix("$uuid="), text) {
            (Some(name), Some(text)) if is_uuid(text) => {
                tokens.captured.insert(name.to_owned(), text.to_owned());
                true
            }
            (Some(_), _) => false,
            (None, _) => found_by(other, text)?,
        },
    };
    if fits {
        Ok(())
    } else {
        Err(differs(at, pattern, actual))
    }
}

/// Matches `$re:REGEX` anywhere in a text.
fn found_by(pattern: &str, text: Option<&str>) -> Result<bool, String> {
    let regex = pattern
        .strip_prefix("$re:")
        .ok_or_else(|| format!("the pattern {pattern} is not known"))?;
    let regex = regex::Regex::new(regex).map_err(|error| error.to_string())?;
    Ok(text.is_some_and(|text| regex.is_match(text)))
}

/// Matches a UUID in lower case with hyphens.
fn is_uuid(text: &str) -> bool {
    text.parse::<uuid::Uuid>()
        .is_ok_and(|id| id.hyphenated().to_string() == text)
}

/// Matches a time such as `2026-03-02T10:00:00.000000Z`.
fn is_datetime(text: &str) -> bool {
    text.parse::<Timestamp>()
        .is_ok_and(|moment| moment.to_string() == text)
}

fn differs(at: &str, expected: impl std::fmt::Display, actual: impl std::fmt::Display) -> String {
    format!("{at} is {actual}, not {expected}")
}
