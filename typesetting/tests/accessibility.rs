//! Letters that are made here are PDF/UA-1 documents. The writer refuses a file that breaks a rule which a program can check, so
//! each letter here is proof of those; the rest of the test looks at what a screen reader uses.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;

use jiff::civil::{Date, date};
use lopdf::{Dictionary, Document, Object};
use pillarbox_typesetting::{Logo, typeset_with};
use serde_json::json;
use templates::{letters::LetterTemplate, placeholders::Values};

const DAY: Date = date(2026, 3, 2);
const LOGO: &[u8] = include_bytes!("files/logo.png");
const BODY: &str =
    "Dear ((name))\n\n# When\n\n* Monday\n* Friday\n\nBring\n\n1. Bins\n2. Bags\n\nSee you soon";
const QR_CODE: &str = "Pay here:\n\nqr: https://riverside.example/pay?reference=81-22-7719";
const WELSH: &str = "Annwyl ((name))\n\n# Pryd\n\n* dydd Llun\n* tŷ a dŵr";
const ARABIC: &str = "عزيزي ((name))،\n\n# متى\n\n* اتصل بالرقم 01632 960 002\n\n1. الاسم الكامل";

fn values() -> Values {
    [
        ("address line 1", json!("Siân Ŵyn")),
        ("address line 2", json!("1 Mill Lane")),
        ("postcode", json!("sw1a1aa")),
        ("name", json!("Siân")),
    ]
    .into_iter()
    .collect()
}

fn letter(subject: &str, body: &str) -> LetterTemplate {
    LetterTemplate::parse(subject, body).with_contact_block("Riverside Council\nTown Hall")
}

/// Returns the letter as PDF and as it is read, with its number of pages.
fn made(template: &LetterTemplate, logo: Option<&Logo>) -> (Document, usize) {
    let made = typeset_with(template, &values(), DAY, logo).expect("no rule of PDF/UA-1 is broken");
    let again = typeset_with(template, &values(), DAY, logo).unwrap();
    assert!(made.pdf == again.pdf, "the same letter has the same bytes");
    (Document::load_mem(&made.pdf).unwrap(), made.pages)
}

fn text(object: &Object) -> String {
    lopdf::decode_text_string(object).unwrap()
}

fn dictionaries(document: &Document) -> impl Iterator<Item = &Dictionary> {
    document.objects.values().filter_map(|object| match object {
        Object::Dictionary(one) => Some(one),
        Object::Stream(stream) => Some(&stream.dict),
        _ => None,
    })
}

fn has_name(one: &Dictionary, key: &[u8], name: &[u8]) -> bool {
    one.get(key)
        .and_then(Object::as_name)
        .is_ok_and(|value| value == name)
}

/// Returns how many elements of each kind the structure tree has.
fn tags(document: &Document) -> BTreeMap<String, usize> {
    let mut tags = BTreeMap::new();
    for one in dictionaries(document) {
        // Only elements of the structure have a parent and a kind that is a name.
        if let (Ok(Object::Name(kind)), true) = (one.get(b"S"), one.has(b"P")) {
            let kind = String::from_utf8_lossy(kind).into_owned();
            *tags.entry(kind).or_default() += 1;
        }
    }
    tags
}

/// Checks what every letter has: a title that is shown, its language, tags, and fonts whose glyphs are text.
fn check(document: &Document, title: &str, language: &str) {
    let catalog = document.catalog().unwrap();
    assert_eq!(text(catalog.get(b"Lang").unwrap()), language);
    let marked = document.get_dict_in_dict(catalog, b"MarkInfo").unwrap();
    assert!(marked.get(b"Marked").unwrap().as_bool().unwrap());
    let shown = document
        .get_dict_in_dict(catalog, b"ViewerPreferences")
        .unwrap();
    assert!(shown.get(b"DisplayDocTitle").unwrap().as_bool().unwrap());
    let about = document
        .get_dict_in_dict(&document.trailer, b"Info")
        .unwrap();
    assert_eq!(text(about.get(b"Title").unwrap()), title);
    let metadata = catalog.get(b"Metadata").unwrap().as_reference().unwrap();
    let metadata = document.get_object(metadata).unwrap().as_stream().unwrap();
    let metadata = String::from_utf8_lossy(&metadata.content).into_owned();
    assert!(metadata.contains("pdfuaid:part"), "{metadata}");
    let composite = dictionaries(document).filter(|one| has_name(one, b"Subtype", b"Type0"));
    let mut fonts = 0;
    for font in composite {
        assert!(font.has(b"ToUnicode"), "{font:?}");
        fonts += 1;
    }
    assert!(fonts > 0);
    for page in document.get_pages().into_values() {
        let page = document.get_dictionary(page).unwrap();
        assert!(page.has(b"StructParents"), "its content is in the tree");
    }
}

#[test]
fn a_letter_is_tagged_with_its_headings_paragraphs_and_lists() {
    let (document, pages) = made(&letter("Your bins", BODY), None);
    assert_eq!(pages, 1);
    check(&document, "Your bins", "en-GB");
    let tags = tags(&document);
    let expected = [
        ("H1", 1),
        ("H2", 1),
        ("L", 2),
        ("LI", 4),
        ("LBody", 4),
        ("Lbl", 4),
        ("Part", 1),
    ];
    for (kind, count) in expected {
        assert_eq!(tags.get(kind), Some(&count), "{kind} of {tags:?}");
    }
    // At least contact block, address, date, greeting and last line.
    assert!(tags["P"] >= 5, "{tags:?}");
}

#[test]
fn each_part_of_a_welsh_letter_has_its_language() {
    let template = letter("Your bins", BODY).with_welsh("Eich biniau", WELSH);
    let (document, pages) = made(&template, None);
    assert_eq!(pages, 2);
    check(&document, "Your bins", "cy-GB");
    let parts = dictionaries(&document).filter(|one| has_name(one, b"S", b"Part"));
    let mut languages: Vec<String> = parts.map(|one| text(one.get(b"Lang").unwrap())).collect();
    languages.sort();
    assert_eq!(languages, ["cy-GB", "en-GB"]);
}

#[test]
fn a_letter_from_right_to_left_is_tagged_like_any_other() {
    let (document, _) = made(&letter("ضريبة المجلس", ARABIC), None);
    check(&document, "ضريبة المجلس", "en-GB");
    let tags = tags(&document);
    assert_eq!((tags["H1"], tags["H2"], tags["LI"]), (1, 1, 2));
}

#[test]
fn a_qr_code_and_a_logo_are_figures_that_are_described() {
    let logo = Logo::from_png(LOGO.to_vec(), "Riverside Council").unwrap();
    let (document, _) = made(&letter("Your bins", QR_CODE), Some(&logo));
    check(&document, "Your bins", "en-GB");
    let figures = dictionaries(&document).filter(|one| has_name(one, b"S", b"Figure"));
    let mut described: Vec<String> = figures.map(|one| text(one.get(b"Alt").unwrap())).collect();
    described.sort();
    assert_eq!(described, ["QR code", "Riverside Council"]);
}

#[test]
fn all_pages_of_a_long_letter_are_tagged() {
    let long = "Word after word. ".repeat(1_000);
    let (document, pages) = made(&letter("Your bins", &long), None);
    assert_eq!(pages, 5);
    check(&document, "Your bins", "en-GB");
}
