//! Rewrites a supplied letter for the printer (`docs/spec/letters.md` §5.3): the address set again where the machines look for
//! it, the mark that begins a letter, fonts embedded, colours in the printer's inks.

mod content;
mod embedding;

use hayro_interpret::{TransformExt as _, hayro_syntax::Pdf};
use kurbo::Affine;
use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId, Stream, dictionary};

use super::areas;
use crate::{LetterProblem, PdfProblem, letter::typeset_address, page_metrics};

/// Bytes that each compressed stream may decompress to.
const MAX_STREAM_BYTES: usize = 64 << 20;

/// Why a letter cannot be rewritten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewriteError {
    /// It cannot be read as a PDF.
    #[error(transparent)]
    Pdf(#[from] PdfProblem),
    /// Its address cannot be set.
    #[error(transparent)]
    Address(#[from] LetterProblem),
}

/// Returns a supplied letter as the printer takes it, with these lines as its address. Blocks.
///
/// Like [`check_pdf`](crate::check_pdf), call it in a process of its own.
pub fn rewrite_supplied_letter(pdf: &[u8], address: &[String]) -> Result<Vec<u8>, RewriteError> {
    let to_user_space = from_display_of_first_page(pdf)?;
    let mut document = load(pdf)?;
    let first = *document.get_pages().get(&1).ok_or(PdfProblem::Unreadable)?;
    content::rewrite(&mut document, Some((first, to_user_space.inverse())));
    embedding::embed_missing_fonts(&mut document);
    let overlay = load(&typeset_address(address)?)?;
    let overlay = import_as_form(&mut document, overlay)?;
    set_content(&mut document, first, overlay, to_user_space)?;
    remove_what_printers_ignore(&mut document);
    document.prune_objects();
    document.compress();
    let mut rewritten = Vec::new();
    document
        .save_to(&mut rewritten)
        .map_err(|_| PdfProblem::Unreadable)?;
    Ok(rewritten)
}

/// Returns pages as the printer takes them: fonts embedded, colours in its inks, nothing that is not printed.
pub(super) fn rewrite_pages(pdf: &[u8]) -> Result<Vec<u8>, PdfProblem> {
    let mut document = load(pdf)?;
    content::rewrite(&mut document, None);
    embedding::embed_missing_fonts(&mut document);
    remove_what_printers_ignore(&mut document);
    document.prune_objects();
    document.compress();
    let mut rewritten = Vec::new();
    document
        .save_to(&mut rewritten)
        .map_err(|_| PdfProblem::Unreadable)?;
    Ok(rewritten)
}

pub(super) fn load(pdf: &[u8]) -> Result<Document, PdfProblem> {
    let options = LoadOptions {
        max_decompressed_size: Some(MAX_STREAM_BYTES),
        ..LoadOptions::default()
    };
    Document::load_mem_with_options(pdf, options).map_err(|_| PdfProblem::Unreadable)
}

/// Returns the way from points of the first page as it is displayed, counted from the top left corner, to those of its
/// content: the page may be turned, moved or cropped.
fn from_display_of_first_page(pdf: &[u8]) -> Result<Affine, PdfProblem> {
    let document = Pdf::new(pdf.to_vec()).map_err(|_| PdfProblem::Unreadable)?;
    let page = document.pages().first().ok_or(PdfProblem::Unreadable)?;
    let to_user_space = page.initial_transform(true).to_kurbo().inverse();
    if to_user_space.is_finite() {
        Ok(to_user_space)
    } else {
        Err(PdfProblem::Unreadable)
    }
}

/// Copies the first page of a document into another one as a form, and returns its id.
fn import_as_form(document: &mut Document, mut other: Document) -> Result<ObjectId, PdfProblem> {
    other.renumber_objects_with(document.max_id + 1);
    let page = *other.get_pages().get(&1).ok_or(PdfProblem::Unreadable)?;
    let content = content::without_marks(&other.get_page_content(page));
    let resources = resources_of(&other, page);
    document.max_id = other.max_id;
    document.objects.extend(other.objects);
    let size = [0.0, 0.0, page_metrics::WIDTH, page_metrics::HEIGHT];
    let form = form(size.map(Object::Real).to_vec(), resources, content);
    Ok(document.add_object(form))
}

fn form(bounds: Vec<Object>, resources: Dictionary, content: Vec<u8>) -> Stream {
    let entries = dictionary! {
        "Type" => "XObject",
        "Subtype" => "Form",
        "BBox" => bounds,
        "Resources" => resources,
    };
    Stream::new(entries, content)
}

/// Returns the resources of a page, which it may inherit.
fn resources_of(document: &Document, page: ObjectId) -> Dictionary {
    inherited(document, page, b"Resources")
        .and_then(|found| found.as_dict().ok())
        .cloned()
        .unwrap_or_default()
}

/// Finds an entry of a page or of one of the nodes above it.
pub(super) fn inherited<'pdf>(
    document: &'pdf Document,
    page: ObjectId,
    key: &[u8],
) -> Option<&'pdf Object> {
    /// The tree was walked before, so this only ends the walk through one that lopdf reads differently.
    const MAX_DEPTH: usize = 1_000;
    let mut node = document.get_dictionary(page).ok()?;
    for _ in 0..MAX_DEPTH {
        if let Ok(found) = node.get(key) {
            return document.dereference(found).ok().map(|(_, found)| found);
        }
        let above = node.get(b"Parent").ok()?.as_reference().ok()?;
        node = document.get_dictionary(above).ok()?;
    }
    None
}

/// Makes the page draw its old content, then white over the address window, then the address.
fn set_content(
    document: &mut Document,
    page: ObjectId,
    overlay: ObjectId,
    to_user_space: Affine,
) -> Result<(), PdfProblem> {
    // A form keeps its state to itself, whatever it leaves open: the address stands where it should.
    let bounds = inherited(document, page, b"MediaBox").and_then(|found| found.as_array().ok());
    let bounds = bounds.cloned().ok_or(PdfProblem::Unreadable)?;
    let old = document.get_page_content(page);
    let old = form(bounds, resources_of(document, page), old);
    let old = document.add_object(old);

    let window = areas::ADDRESS_WINDOW;
    let points = |millimetres: f64| millimetres * 72.0 / 25.4;
    let upwards = Affine::new([1.0, 0.0, 0.0, -1.0, 0.0, f64::from(page_metrics::HEIGHT)]);
    let matrix = (to_user_space * upwards).as_coeffs();
    let matrix = matrix.map(|number| format!("{number:.6}")).join(" ");
    let content = format!(
        "q /PbxOld Do Q q {matrix} cm \
         0 0 0 0 k {:.3} {:.3} {:.3} {:.3} re f /PbxAddress Do Q",
        points(window.left),
        f64::from(page_metrics::HEIGHT) - points(window.bottom),
        points(window.right - window.left),
        points(window.bottom - window.top),
    );
    let content = document.add_object(Stream::new(Dictionary::new(), content.into_bytes()));
    let page = document
        .get_dictionary_mut(page)
        .map_err(|_| PdfProblem::Unreadable)?;
    page.set("Contents", content);
    page.set(
        "Resources",
        dictionary! {"XObject" => dictionary! {"PbxOld" => old, "PbxAddress" => overlay}},
    );
    // The structure names content that is now in a form.
    page.remove(b"StructParents");
    Ok(())
}

/// Removes scripts, actions, attachments and structure: none of them is printed, and some do something where the file is
/// opened.
fn remove_what_printers_ignore(document: &mut Document) {
    if let Ok(catalog) = document.catalog_mut() {
        for key in [
            "OpenAction",
            "AA",
            "Names",
            "AcroForm",
            "Outlines",
            "StructTreeRoot",
            "MarkInfo",
            "Threads",
            "Metadata",
            "PageMode",
        ] {
            catalog.remove(key.as_bytes());
        }
    }
}
