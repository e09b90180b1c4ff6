//! Date and logo of a letter (`docs/spec/templates.md` §10.2).

use std::sync::LazyLock;

use jiff::civil::Date;
use serde::Deserialize;

use super::Language;
use text::unicode_15_1::lower;

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `welsh_months` of `content_constants.json`.
static WELSH_MONTHS: LazyLock<[String; 12]> = LazyLock::new(|| {
    let constants: Constants =
        serde_json::from_str(include_str!("../../data/content_constants.json"))
            .expect("the constants have twelve Welsh months");
    constants.welsh_months
});

#[derive(Deserialize)]
struct Constants {
    welsh_months: [String; 12],
}

/// Formats a local day for a letter: `5 January 2025`.
pub fn long_date(day: Date, language: Language) -> String {
    let month = usize::from(day.month().unsigned_abs()) - 1;
    let name = match language {
        Language::English => ENGLISH_MONTHS[month],
        Language::Welsh => &WELSH_MONTHS[month],
    };
    format!("{} {name} {}", day.day(), day.year())
}

/// Returns the last three characters of a logo's file name in lower case, or `None` for an empty name.
pub fn logo_class(file_name: &str) -> Option<String> {
    // By characters, because the name may be in any script.
    let name = lower(file_name);
    let start = name
        .char_indices()
        .nth_back(2)
        .map_or(0, |(place, _)| place);
    (!name.is_empty()).then(|| name[start..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_out_in_both_languages() {
        let day = Date::constant(2025, 8, 5);
        assert_eq!(long_date(day, Language::English), "5 August 2025");
        assert_eq!(long_date(day, Language::Welsh), "5 Awst 2025");
    }

    #[test]
    fn a_logo_is_known_by_the_end_of_its_name() {
        assert_eq!(logo_class("Dogs.PNG").as_deref(), Some("png"));
        assert_eq!(logo_class("é").as_deref(), Some("é"));
        assert_eq!(logo_class(""), None);
    }
}
