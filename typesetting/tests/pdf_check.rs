//! The check of uploaded PDFs.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed")]

use lopdf::{Dictionary, Document, Object, dictionary};
use pillarbox_typesetting::{PdfLimits, PdfProblem, PdfSummary, check_pdf};

const A4: [f32; 4] = [0.0, 0.0, 595.276, 841.89];

fn boxed(corners: [f32; 4]) -> Object {
    Object::Array(corners.iter().map(|corner| Object::Real(*corner)).collect())
}

/// A PDF with these pages, which inherit `common`.
fn pdf(pages: Vec<Dictionary>, common: &Dictionary) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let root = document.new_object_id();
    let kids: Vec<Object> = pages
        .into_iter()
        .map(|mut page| {
            page.set("Type", "Page");
            page.set("Parent", root);
            document.add_object(page).into()
        })
        .collect();
    let mut tree = dictionary! {"Type" => "Pages", "Count" => i64::try_from(kids.len()).unwrap()};
    tree.set("Kids", kids);
    tree.extend(common);
    document.objects.insert(root, tree.into());
    let catalog = document.add_object(dictionary! {"Type" => "Catalog", "Pages" => root});
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn pages(count: usize) -> Vec<u8> {
    pdf(
        vec![Dictionary::new(); count],
        &dictionary! {"MediaBox" => boxed(A4)},
    )
}

fn checked(pdf: &[u8]) -> Result<PdfSummary, PdfProblem> {
    check_pdf(pdf, PdfLimits::default())
}

#[test]
fn ten_pages_are_accepted_and_eleven_are_not() {
    assert_eq!(checked(&pages(1)), Ok(PdfSummary { pages: 1 }));
    assert_eq!(checked(&pages(10)), Ok(PdfSummary { pages: 10 }));
    assert_eq!(checked(&pages(11)), Err(PdfProblem::TooLong { pages: 11 }));
    assert_eq!(checked(&pages(0)), Err(PdfProblem::Unreadable));
}

#[test]
fn pages_must_be_a4_in_portrait() {
    let page =
        |corners, turned: i64| dictionary! {"MediaBox" => boxed(corners), "Rotate" => turned};
    let landscape = [0.0, 0.0, 841.89, 595.276];
    let given = vec![
        page(A4, 0),
        page(A4, 90),
        page(landscape, 0),
        page(landscape, 270),
        page([10.0, 10.0, 605.0, 852.0], 180),
        page([0.0, 0.0, 612.0, 792.0], 0),
        dictionary! {"MediaBox" => boxed([0.0, 0.0, 700.0, 900.0]), "CropBox" => boxed([50.0, 30.0, 645.0, 872.0])},
        dictionary! {},
        dictionary! {"MediaBox" => boxed([0.0, 0.0, 297.64, 420.95]), "UserUnit" => 2},
    ];
    assert_eq!(
        checked(&pdf(given, &Dictionary::new())),
        Err(PdfProblem::NotA4 {
            pages: vec![2, 3, 6, 8],
            page_count: 9,
        })
    );
}

#[test]
fn a_file_that_is_not_a_pdf_is_unreadable() {
    for bytes in [
        &b""[..],
        b"hello",
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7\nstartxref\n0\n%%EOF",
    ] {
        assert_eq!(checked(bytes), Err(PdfProblem::Unreadable));
    }
    assert_eq!(
        checked(b"x").unwrap_err().reason(),
        "unable-to-read-the-file"
    );
}

#[test]
fn a_file_over_the_limit_is_not_parsed() {
    let limits = PdfLimits {
        max_bytes: 10,
        ..PdfLimits::default()
    };
    assert_eq!(
        check_pdf(&pages(1), limits),
        Err(PdfProblem::TooLarge { max_bytes: 10 })
    );
}

#[test]
fn a_cyclic_page_tree_is_unreadable() {
    let mut document = Document::with_version("1.5");
    let root = document.new_object_id();
    document.objects.insert(
        root,
        dictionary! {"Type" => "Pages", "Kids" => vec![root.into(), root.into()], "Count" => 2}
            .into(),
    );
    let catalog = document.add_object(dictionary! {"Type" => "Catalog", "Pages" => root});
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    assert_eq!(checked(&bytes), Err(PdfProblem::Unreadable));
}

#[test]
fn deeply_nested_arrays_are_unreadable() {
    let mut bytes = b"%PDF-1.7\n1 0 obj\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'[', 500_000));
    bytes.extend(b"\nendobj\ntrailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF");
    assert_eq!(checked(&bytes), Err(PdfProblem::Unreadable));
}

#[test]
fn an_encrypted_file_is_rejected() {
    let mut document = Document::load_mem(&pages(1)).unwrap();
    document.trailer.set(
        "ID",
        vec![
            Object::string_literal("an id of 16 byte"),
            Object::string_literal("an id of 16 byte"),
        ],
    );
    let version = lopdf::EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "user",
        key_length: 40,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    assert_eq!(checked(&bytes), Err(PdfProblem::Encrypted));
}

#[test]
fn too_many_streams_are_unreadable() {
    let mut bytes = pages(1);
    bytes.extend(b"stream\n".repeat(5_000));
    assert_eq!(checked(&bytes), Err(PdfProblem::Unreadable));
}
