//! Tests of letters.

use serde_json::json;

use super::*;

fn bilingual() -> LetterTemplate {
    LetterTemplate::parse("Your ((thing))", "Pay - by ((date))")
        .with_contact_block(" Town Hall \n((phone)) , ok")
        .with_welsh("Eich ((peth))", "Talu ((date))")
}

fn names(names: &NameSet) -> Vec<&str> {
    names.iter().collect()
}

#[test]
fn english_letters_want_all_values_and_welsh_ones_their_own() {
    let template = bilingual();
    let none = Values::new();
    let all = ["phone", "peth", "date", "thing"];
    assert_eq!(names(&template.fill(&none).placeholders()), all);
    let welsh = template.fill_in(Language::Welsh, &none);
    assert_eq!(names(&welsh.placeholders()), ["phone", "peth", "date"]);
    assert_eq!(
        welsh.content(),
        "Talu <span class='placeholder'>&#40;&#40;date&#41;&#41;</span>"
    );
}

#[test]
fn a_letter_can_be_sent_without_the_values_of_its_welsh_side() {
    let template = bilingual();
    assert_eq!(
        template.missing(&Values::new()),
        ["phone", "peth", "date", "thing"]
    );
    assert_eq!(
        template.missing_outside_welsh(&Values::new()),
        ["phone", "thing", "date"]
    );
}

#[test]
fn hyphens_do_not_break_and_contact_blocks_have_no_smart_quotes() {
    let given: Values = [("date", json!("1-2-26")), ("phone", json!("it's 0"))]
        .into_iter()
        .collect();
    let template = bilingual();
    let letter = template.fill(&given);
    assert_eq!(letter.html_body(), "<p>Pay – by 1\u{2011}2\u{2011}26</p>");
    assert_eq!(letter.contact_block(), "Town Hall<br>it's 0, ok");
}

#[test]
fn names_of_missing_placeholders_are_hidden_everywhere_where_they_are_to_be() {
    let (template, none) = (bilingual(), Values::new());
    let letter = template.fill(&none).with_redaction(true);
    for part in [
        letter.subject(),
        letter.html_body(),
        letter.content(),
        letter.contact_block(),
    ] {
        assert!(part.contains("hidden</span>"), "{part}");
        assert!(!part.contains("thing") && !part.contains("date") && !part.contains("phone"));
    }
}

#[test]
fn qr_codes_keep_their_hyphens_and_have_a_limit() {
    let none = Values::new();
    let template = LetterTemplate::parse("s", "qr: https://example.org/a-b\n\nc-d");
    let letter = template.fill(&none);
    assert!(letter.html_body().contains("h1m-"));
    assert!(letter.html_body().ends_with("<p>c\u{2011}d</p>"));
    assert_eq!(letter.qr_code_error(), None);
    let template = LetterTemplate::parse("s", &format!("qr: {}", "x".repeat(505)));
    let error = template.fill(&none).qr_code_error().expect("too much data");
    assert_eq!(error.size_bytes(), 505);
}

#[test]
fn an_address_is_shown_as_it_is_printed_or_by_its_placeholders() {
    let lines = |values: &[(&str, &str)]| {
        let values: Values = values
            .iter()
            .map(|&(name, value)| (name, json!(value)))
            .collect();
        LetterTemplate::parse("s", "c")
            .fill(&values)
            .address_lines()
    };
    assert_eq!(
        lines(&[
            ("address line 1", "A"),
            ("address_line_2", "1 Road"),
            ("postcode", "n19gu")
        ]),
        AddressLines::Address(vec![
            "A".to_owned(),
            "1 Road".to_owned(),
            "N1 9GU".to_owned()
        ])
    );
    let AddressLines::Placeholders(lines) = lines(&[("address line 1", "A & B")]) else {
        panic!("an address with one line");
    };
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[0], "A &amp; B");
}
