//! Properties that hold for every input.

use jiff::civil::date;
use pillarbox_typesetting::{LetterProblem, PdfLimits, PdfProblem, check_pdf, typeset};
use proptest::prelude::*;
use templates::{letters::LetterTemplate, placeholders::Values};

fn one_letter() -> Vec<u8> {
    let template = LetterTemplate::parse("Bins", "# Your bins\n\nOn Friday.\n\n* one\n* two");
    typeset(&template, &Values::new(), date(2026, 3, 2))
        .expect("a short letter")
        .pdf
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_rejected(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), with_header: bool) {
        let mut pdf = if with_header { b"%PDF-1.7\n".to_vec() } else { Vec::new() };
        pdf.extend(bytes);
        prop_assert!(check_pdf(&pdf, PdfLimits::default()).is_err());
    }

    #[test]
    fn a_pdf_with_changed_bytes_does_not_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut pdf = one_letter();
        for (place, byte) in changes {
            let place = place.index(pdf.len());
            pdf[place] = byte;
        }
        let _ = check_pdf(&pdf, PdfLimits::default());
    }

    #[test]
    fn a_truncated_pdf_does_not_panic(place: prop::sample::Index) {
        let pdf = one_letter();
        let _ = check_pdf(&pdf[..place.index(pdf.len())], PdfLimits::default());
    }

    #[test]
    fn a_pdf_with_a_moved_part_does_not_panic(from: prop::sample::Index, to: prop::sample::Index, length in 1usize..400) {
        let mut pdf = one_letter();
        let from = from.index(pdf.len());
        let part = pdf[from..pdf.len().min(from + length)].to_vec();
        let to = to.index(pdf.len());
        pdf.splice(to..to, part);
        let _ = check_pdf(&pdf, PdfLimits::default());
    }

    #[test]
    fn any_letter_typesets_to_pages_that_pass_the_check(subject in "\\PC{0,60}", content in "(?s).{0,400}", block in "(?s).{0,80}") {
        let template = LetterTemplate::parse(&subject, &content).with_contact_block(&block);
        match typeset(&template, &Values::new(), date(2026, 3, 2)) {
            Ok(made) => match check_pdf(&made.pdf, PdfLimits::default()) {
                Ok(checked) => prop_assert_eq!(checked.pages, made.pages),
                Err(problem) => prop_assert_eq!(problem, PdfProblem::TooLong { pages: made.pages }),
            },
            Err(problem) => prop_assert_eq!(problem, LetterProblem::ContactBlockTooLong),
        }
    }
}
