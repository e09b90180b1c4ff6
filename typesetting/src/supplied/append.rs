//! Pages that are appended to letters of a template (`docs/spec/letters.md` §3, attachments of letters).

use lopdf::{Object, ObjectId};

use super::{
    check_content,
    rewrite::{self, load},
};
use crate::{
    PdfLimits, PdfProblem, SuppliedLetterError,
    pdf_check::{PdfSummary, check_pdf},
};

/// Entries that a page may inherit from the nodes above it.
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// Checks pages that are to be appended to letters, and returns them as the printer takes them, with their number. Each is
/// checked as a page after the first. Blocks.
///
/// Like [`check_pdf`], call it in a process of its own.
pub fn prepare_attachment(
    pdf: &[u8],
    limits: PdfLimits,
) -> Result<(Vec<u8>, usize), SuppliedLetterError> {
    let PdfSummary { pages } = check_pdf(pdf, limits).map_err(super::with_pages)?;
    let of_pages = |problem| SuppliedLetterError {
        problem,
        pages: Some(pages),
    };
    super::catching(|| check_content(pdf, pages, 2)).map_err(of_pages)?;
    let rewritten = super::catching(|| rewrite::rewrite_pages(pdf)).map_err(of_pages)?;
    Ok((rewritten, pages))
}

/// Returns a letter with pages after its last one. The same two files make the same bytes. Blocks.
pub fn append_pages(letter: &[u8], attachment: &[u8]) -> Result<Vec<u8>, PdfProblem> {
    let (mut document, mut other) = (load(letter)?, load(attachment)?);
    other.renumber_objects_with(document.max_id + 1);
    let root = document.catalog().ok().and_then(|catalog| {
        let pages = catalog.get(b"Pages").ok()?;
        pages.as_reference().ok()
    });
    let root = root.ok_or(PdfProblem::Unreadable)?;
    let pages: Vec<ObjectId> = other.get_pages().into_values().collect();
    for page in &pages {
        adopt(&mut other, *page, root)?;
    }
    document.max_id = other.max_id;
    document.objects.extend(other.objects);
    let node = document
        .get_dictionary_mut(root)
        .map_err(|_| PdfProblem::Unreadable)?;
    let count = node.get(b"Count").and_then(Object::as_i64);
    let count =
        count.map_err(|_| PdfProblem::Unreadable)? + i64::try_from(pages.len()).unwrap_or(0);
    node.set("Count", count);
    let kids = node.get_mut(b"Kids").and_then(Object::as_array_mut);
    kids.map_err(|_| PdfProblem::Unreadable)?
        .extend(pages.iter().copied().map(Object::Reference));
    // The pages that were added are not tagged, so the letter as a whole is no PDF/UA any more and must not say so.
    if let Ok(catalog) = document.catalog_mut() {
        catalog.remove(b"Metadata");
    }
    document.prune_objects();
    let mut merged = Vec::new();
    document
        .save_to(&mut merged)
        .map_err(|_| PdfProblem::Unreadable)?;
    Ok(merged)
}

/// Makes a page a child of `root`, with everything that it inherited from the nodes above it.
fn adopt(document: &mut lopdf::Document, page: ObjectId, root: ObjectId) -> Result<(), PdfProblem> {
    let mut found = Vec::new();
    for key in INHERITED {
        if let Some(value) = rewrite::inherited(document, page, key) {
            found.push((key, value.clone()));
        }
    }
    let page = document
        .get_dictionary_mut(page)
        .map_err(|_| PdfProblem::Unreadable)?;
    for (key, value) in found {
        page.set(key, value);
    }
    page.set("Parent", Object::Reference(root));
    for key in [&b"StructParents"[..], b"Annots", b"AA", b"Thumb", b"B"] {
        page.remove(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use templates::{letters::LetterTemplate, placeholders::Values};

    use super::*;

    fn letter(content: &str) -> Vec<u8> {
        let template = LetterTemplate::parse("Your bins", content);
        let values = Values::from_json(&serde_json::Map::new());
        crate::typeset(&template, &values, date(2026, 3, 2))
            .unwrap()
            .pdf
    }

    fn count_pages(pdf: &[u8]) -> usize {
        load(pdf).unwrap().get_pages().len()
    }

    #[test]
    fn pages_are_appended_after_the_last_one() {
        // A letter without its mark stands for an attachment: `append_pages` looks at no content.
        let (letter, attachment) = (letter("Dear Ada"), letter("one\n\n***\n\ntwo"));
        let merged = append_pages(&letter, &attachment).unwrap();
        assert_eq!(merged, append_pages(&letter, &attachment).unwrap());
        assert_eq!(
            count_pages(&merged),
            count_pages(&letter) + count_pages(&attachment)
        );
        let document = lopdf::Document::load_mem(&merged).unwrap();
        assert!(document.extract_text(&[1]).unwrap().contains("Dear Ada"));
        let last = u32::try_from(count_pages(&merged)).unwrap();
        assert!(document.extract_text(&[last]).unwrap().contains("two"));
    }

    #[test]
    fn an_attachment_with_a_letters_mark_is_refused() {
        let refused = prepare_attachment(&letter("Dear Ada"), PdfLimits::default());
        assert_eq!(
            refused.unwrap_err().problem,
            PdfProblem::NotifyTag { pages: vec![1] }
        );
        let unreadable = prepare_attachment(b"no PDF", PdfLimits::default());
        assert_eq!(unreadable.unwrap_err().problem, PdfProblem::Unreadable);
    }
}
