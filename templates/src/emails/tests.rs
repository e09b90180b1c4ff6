//! Tests of e-mails.

use serde_json::json;

use super::*;

fn values(pairs: &[(&str, serde_json::Value)]) -> Values {
    pairs
        .iter()
        .map(|(name, value)| (*name, value.clone()))
        .collect()
}

#[test]
fn a_template_knows_its_placeholders_and_which_are_missing() {
    let template = EmailTemplate::parse("((b)) ((A))", "((a)) ((c??x))");
    let names: Vec<_> = template.placeholders().iter().collect();
    assert_eq!(names, ["b", "A", "c"]);
    assert_eq!(template.missing(&values(&[("a", json!(""))])), ["b", "c"]);
}

#[test]
fn each_part_is_filled_in_its_own_way() {
    let template = EmailTemplate::parse("It's ((name))", "# Hello ((name))\n\nYou need:((list))\n");
    let given = values(&[("name", json!("A & <B>")), ("list", json!(["x", "y"]))]);
    assert_eq!(template.subject(&given), "It’s A & <B>");
    assert_eq!(
        template.content(&given),
        "# Hello A & <B>\n\nYou need:\n\n* x\n* y"
    );
    let line = "=".repeat(65);
    assert_eq!(
        template.plain_body(&given),
        format!("Hello A & <B>\n{line}\n\nYou need:\n\n• x\n• y\n")
    );
    assert_eq!(
        template.preheader(&given),
        "Hello A &amp; &lt;B&gt; You need: • x • y"
    );
    let html = template.html_body(&given);
    assert!(html.contains(">Hello A &amp; &lt;B&gt;</h2>"));
    assert_eq!(html.matches("<li").count(), 2);
}

#[test]
fn a_link_to_unsubscribe_stands_at_the_foot_of_both_bodies_alone() {
    let template = EmailTemplate::parse("s", "text");
    let none = Values::new();
    let email = template
        .fill(&none)
        .with_unsubscribe_link("https://example.org/u");
    assert!(
        email
            .plain_body()
            .ends_with("Unsubscribe from these emails: https://example.org/u\n")
    );
    assert!(
        email
            .html_body()
            .contains("href=\"https://example.org/u\">Unsubscribe from these emails</a>")
    );
    assert_eq!(
        (email.content(), email.preheader()),
        ("text".to_owned(), "text".to_owned())
    );
}

#[test]
fn a_message_is_empty_if_its_placeholders_came_to_nothing() {
    let empty = |content: &str, value: &str| {
        EmailTemplate::parse("s", content).is_message_empty(&values(&[("a", json!(value))]))
    };
    assert!(empty("", "x"));
    assert!(empty("((a))((a))", " "));
    assert!(!empty("((a))", "x"));
    assert!(!empty("((a)) ", ""));
    assert!(!empty("  ", ""));
}

#[test]
fn two_million_bytes_are_not_too_long_and_one_more_is() {
    let none = Values::new();
    let long = "x".repeat(LIMIT_BYTES);
    assert!(!EmailTemplate::parse("s", &long).is_message_too_long(&none));
    assert!(EmailTemplate::parse("s", &(long + "x")).is_message_too_long(&none));
}
