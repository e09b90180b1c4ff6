//! The guarantees of typesetting.

use jiff::civil::{Date, date};
use lopdf::Document;
use pillarbox_typesetting::{LetterProblem, TypesetLetter, typeset};
use serde_json::json;
use templates::{letters::LetterTemplate, placeholders::Values};

const DAY: Date = Date::constant(2026, 3, 2);

fn to_ada() -> Values {
    [
        ("address line 1", json!("Ada")),
        ("address line 2", json!("1 Mill Lane")),
        ("postcode", json!("sw1a1aa")),
    ]
    .into_iter()
    .collect()
}

fn made(template: &LetterTemplate, values: &Values) -> TypesetLetter {
    typeset(template, values, DAY).expect("the letter can be printed")
}

/// The text of a page, as a PDF reader extracts it.
fn words(made: &TypesetLetter, page: u32) -> String {
    let document = Document::load_mem(&made.pdf).expect("a PDF");
    let text = document.extract_text(&[page]).expect("real text");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // The mark for the printer, on the first page.
    text.strip_prefix("NOTIFY ").unwrap_or(&text).to_owned()
}

#[test]
fn the_text_of_a_letter_is_in_reading_order() {
    let template = LetterTemplate::parse(
        "Your bins",
        "Dear ((name))\n\n# When\n\n* Monday\n* Friday\n\nŴyn, Ŷnys & co",
    )
    .with_contact_block("Riverside Council\nTown Hall");
    let mut values = to_ada();
    values.insert("name", json!("Ada"));
    let made = made(&template, &values);
    assert_eq!((made.pages, made.unprintable.as_slice()), (1, &[][..]));
    assert_eq!(
        words(&made, 1),
        "Riverside Council Town Hall Ada 1 Mill Lane SW1A 1AA 2 March 2026 Your bins Dear Ada When • Monday • Friday \
         Ŵyn, Ŷnys & co"
    );
}

#[test]
fn the_same_letter_and_date_give_the_same_bytes() {
    let template = LetterTemplate::parse("Your bins", "qr: https://example.org\n\nx");
    let once = made(&template, &to_ada());
    assert_eq!(once, made(&template, &to_ada()));
    let later = typeset(&template, &to_ada(), date(2026, 3, 3)).unwrap();
    assert_ne!(once.pdf, later.pdf);
}

#[test]
fn a_value_is_never_markup() {
    let typed = "#let x \\ $y$ *z* <script>a</script> <h2>b</h2> 100% (c) [d] {e} &amp;lt;";
    let template = LetterTemplate::parse("((v))", "It says ((v))");
    let values = [("v", json!(typed))].into_iter().collect();
    let words = words(&made(&template, &values), 1);
    let shown = "#let x \\ $y$ *z* <script>a</script> <h2>b</h2> 100% (c) [d] {e} &lt;";
    assert_eq!(words.matches(shown).count(), 2, "{words}");
}

#[test]
fn a_bilingual_letter_starts_in_welsh_and_has_one_address() {
    let template =
        LetterTemplate::parse("Your bins", "In English").with_welsh("Eich biniau", "Yn Gymraeg");
    let made = made(&template, &to_ada());
    assert_eq!(made.pages, 2);
    assert_eq!(
        words(&made, 1),
        "Ada 1 Mill Lane SW1A 1AA 2 Mawrth 2026 Eich biniau Yn Gymraeg"
    );
    assert_eq!(words(&made, 2), "Your bins In English");
}

#[test]
fn pages_break_and_are_limited() {
    let page_break = LetterTemplate::parse("s", "a\n\n***\n\nb");
    assert_eq!(made(&page_break, &to_ada()).pages, 2);
    let long = LetterTemplate::parse("s", &"Word after word. ".repeat(1_000));
    assert_eq!(made(&long, &to_ada()).pages, 5);
    let endless = LetterTemplate::parse("s", &"a\n\n***\n\n".repeat(50));
    assert_eq!(
        typeset(&endless, &to_ada(), DAY),
        Err(LetterProblem::TooLong)
    );
    let huge = LetterTemplate::parse("s", &"x".repeat(2 << 20));
    assert_eq!(typeset(&huge, &to_ada(), DAY), Err(LetterProblem::TooLong));
}

#[test]
fn an_address_or_contact_block_that_does_not_fit_is_an_error() {
    let template = LetterTemplate::parse("s", "c");
    let mut values = to_ada();
    values.insert(
        "address line 2",
        json!("A fairly long line of an address, for Britain, with a county"),
    );
    assert_eq!(made(&template, &values).pages, 1);
    values.insert("address line 2", json!("long ".repeat(200)));
    assert_eq!(
        typeset(&template, &values, DAY),
        Err(LetterProblem::AddressDoesNotFit)
    );
    let template = template.with_contact_block(&"line\n".repeat(60));
    assert_eq!(
        typeset(&template, &to_ada(), DAY),
        Err(LetterProblem::ContactBlockTooLong)
    );
}

#[test]
fn unprintable_characters_are_listed() {
    let made = made(&LetterTemplate::parse("s", "ไท 😀"), &to_ada());
    assert_eq!(made.unprintable, ['ท', 'ไ', '😀']);
    assert!(words(&made, 1).ends_with("□□ □"));
}
