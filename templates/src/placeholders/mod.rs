//! Placeholders, `((name))` and `((condition??text))`, and the values that fill them (`docs/spec/templates.md` §2 and
//! §3).
//!
//! A [`Text`] is parsed once and filled many times with [`Values`], which are looked up by name ignoring case,
//! spaces, `_` and `-`. A [`Field`] holds the options for filling.

mod field;
mod names;
mod placeholder;
mod text;
mod value_text;
mod values;

use std::borrow::Cow;

pub use field::{Field, Html, Lists, Missing, Target};
pub use names::{NameSet, name_key};
pub use placeholder::{Placeholder, with_plain_names};
pub use text::Text;
pub use value_text::is_true;
pub use values::Values;

use ::text::html_escape::may_need_escaping;

/// Returns the placeholders whose value is absent or null, in template order. An empty text is a value.
pub fn missing(placeholders: &NameSet, values: &Values) -> Vec<String> {
    placeholders
        .entries()
        .filter(|(key, _)| {
            values
                .get_by_key(key)
                .is_none_or(serde_json::Value::is_null)
        })
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// Returns the names of values for which the template has no placeholder, in the order given.
pub fn additional<'values>(placeholders: &NameSet, values: &'values Values) -> Vec<&'values str> {
    values
        .entries()
        .filter(|(key, ..)| !placeholders.contains_key(key))
        .map(|(_, name, _)| name)
        .collect()
}

/// Returns the values as a template sees them: each of its placeholders in its own spelling and order, null where
/// nothing was given, then the other values. If no values are given, the result is empty.
///
/// Only needed where names are escaped: see [`effective_for_html`].
pub fn effective(placeholders: &NameSet, given: &Values) -> Values {
    // Without any values there are no nulls either, as in the reference.
    if given.is_empty() {
        return Values::new();
    }
    let own = placeholders.entries().map(|(key, name)| {
        (
            name.to_owned(),
            given.get_by_key(key).cloned().unwrap_or_default(),
        )
    });
    let others = given
        .entries()
        .filter(|(key, ..)| !placeholders.contains_key(key))
        .map(|(_, name, value)| (name.to_owned(), value.clone()));
    own.chain(others).collect()
}

/// Returns the values for filling with HTML escaping: the [`effective`] ones where that matters.
pub fn effective_for_html<'values>(
    placeholders: &NameSet,
    given: &'values Values,
) -> Cow<'values, Values> {
    // If two names become equal by escaping, the last value wins, and the template's own spelling comes first. Names
    // with HTML are rare, so most values need no copy.
    if given.iter().any(|(name, _)| may_need_escaping(name)) {
        Cow::Owned(effective(placeholders, given))
    } else {
        Cow::Borrowed(given)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn values(pairs: &[(&str, Value)]) -> Values {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    #[test]
    fn what_is_absent_or_null_is_missing_but_not_what_is_empty() {
        let names: NameSet = ["Name", "ref no", "x", "y"].into_iter().collect();
        let given = values(&[
            ("NAME", json!("")),
            ("ref_no", json!(null)),
            ("y", json!([])),
        ]);
        assert_eq!(missing(&names, &given), ["ref no", "x"]);
    }

    #[test]
    fn effective_values_begin_with_the_placeholders_as_the_template_spells_them() {
        let names: NameSet = ["First Name", "b"].into_iter().collect();
        let given = values(&[
            ("Other", json!(1)),
            ("first_name", json!("x")),
            ("OTHER", json!(2)),
        ]);
        let seen = effective(&names, &given);
        let order: Vec<_> = seen
            .iter()
            .map(|(name, value)| (name, value.clone()))
            .collect();
        assert_eq!(
            order,
            [
                ("First Name", json!("x")),
                ("b", json!(null)),
                ("Other", json!(2))
            ]
        );
        assert_eq!(additional(&names, &given), ["Other"]);
        assert!(effective(&names, &Values::new()).is_empty());
    }
}
