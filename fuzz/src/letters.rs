//! Letters as pages.

use jiff::civil::date;
use pillarbox_templates::{letters::LetterTemplate, placeholders::Values};
use pillarbox_typesetting::{
    LetterProblem, PdfLimits, PdfProblem, check_pdf, typeset, unprintable_in_letter,
};

/// Typesets a letter twice.
pub(crate) fn promises_hold(subject: &str, content: &str, values: &Values) {
    let template = LetterTemplate::parse(subject, content).with_contact_block(subject);
    let day = date(2026, 3, 2);
    let made = typeset(&template, values, day);
    assert_eq!(made, typeset(&template, values, day), "the same letter has the same bytes");
    let made = match made {
        Ok(made) => made,
        Err(LetterProblem::Unwritable(why)) => panic!("the pages cannot be written: {why}"),
        Err(_) => return,
    };
    match check_pdf(&made.pdf, PdfLimits::default()) {
        Ok(checked) => assert_eq!(checked.pages, made.pages),
        Err(problem) => assert_eq!(problem, PdfProblem::TooLong { pages: made.pages }),
    }
    let found_before = unprintable_in_letter(&template, values);
    for character in &made.unprintable {
        assert!(found_before.contains(character), "{character:?} is found too late");
    }
}
