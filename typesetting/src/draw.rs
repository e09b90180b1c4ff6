//! Writes a layout as a PDF, tagged.

use std::num::NonZeroU16;

use krilla::{
    Document, SerializeSettings,
    configure::{Accessibility, ConfigurationBuilder},
    destination::XyzDestination,
    geom::{PathBuilder, Point, Rect},
    metadata::Metadata,
    outline::{Outline, OutlineNode},
    page::PageSettings,
    surface::Surface,
    tagging::{ContentTag, Identifier, ListNumbering, SpanTag, Tag, TagGroup, TagKind, TagTree},
};

use crate::{
    blocks::Symbol,
    fonts::font,
    layout::{Child, Entry, Ink, Layout, Mark, Meaning, Node},
    letter::LetterProblem,
    paper,
};

/// The bytes of a PDF with this title, in the language with this code.
pub(crate) fn draw(
    layout: Layout,
    title: String,
    language: &str,
) -> Result<Vec<u8>, LetterProblem> {
    let mut document = Document::new_with(settings());
    let mut identifiers: Vec<Option<Identifier>> = layout.marks.iter().map(|_| None).collect();
    for page in 0..layout.pages {
        let size = PageSettings::from_wh(paper::WIDTH, paper::HEIGHT).expect("A4 has a size");
        let mut sheet = document.start_page_with(size);
        let mut surface = sheet.surface();
        for (number, mark) in layout.marks.iter().enumerate() {
            if mark.page == page {
                identifiers[number] = Some(put(&mut surface, mark));
            }
        }
        surface.finish();
        sheet.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
    for part in layout.parts {
        tree.push(group(part, &layout.marks, &mut identifiers));
    }
    document.set_tag_tree(tree);
    document.set_outline(outline(&layout.outline));
    document.set_metadata(
        Metadata::new()
            .title(title)
            .language(language.to_owned())
            .producer("Pillarbox".to_owned()),
    );
    document
        .finish()
        .map_err(|fault| LetterProblem::Unwritable(format!("{fault:?}")))
}

fn settings() -> SerializeSettings {
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("one rule set does not contradict itself");
    SerializeSettings {
        configuration,
        ..SerializeSettings::default()
    }
}

fn put(surface: &mut Surface<'_>, mark: &Mark) -> Identifier {
    match &mark.ink {
        Ink::Line { line, size } => {
            let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            let mut x = mark.x;
            for run in &line.runs {
                let font = font(run.bold).embedded.clone();
                let start = Point::from_xy(x, mark.y);
                surface.draw_glyphs(start, &run.glyphs, font, &run.text, *size, false);
                x += run.width() * size;
            }
            surface.end_tagged();
            identifier
        }
        Ink::QrCode(symbol) => {
            let identifier = surface.start_tagged(ContentTag::Other);
            draw_symbol(surface, symbol, mark.x, mark.y);
            surface.end_tagged();
            identifier
        }
    }
}

/// The white around a symbol belongs to it, but not on the left, where the paper itself is white.
fn draw_symbol(surface: &mut Surface<'_>, symbol: &Symbol, left: f32, top: f32) {
    let module = paper::QR_SIDE / (f32::from(symbol.side) + 2.0 * paper::QR_QUIET);
    let mut path = PathBuilder::new();
    for &(x, y, length) in &symbol.runs {
        let corner = (
            left + f32::from(x) * module,
            top + (f32::from(y) + paper::QR_QUIET) * module,
        );
        if let Some(run) = Rect::from_xywh(corner.0, corner.1, f32::from(length) * module, module) {
            path.push_rect(run);
        }
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

fn group(node: Node, marks: &[Mark], identifiers: &mut [Option<Identifier>]) -> TagGroup {
    let mut group = TagGroup::new(tag(&node, marks));
    for child in node.children {
        match child {
            Child::Node(node) => group.push(self::group(node, marks, identifiers)),
            Child::Mark(number) => {
                if let Some(identifier) = identifiers[number].take() {
                    group.push(identifier);
                }
            }
        }
    }
    group
}

fn tag(node: &Node, marks: &[Mark]) -> TagKind {
    let level = |level| NonZeroU16::new(level).expect("levels begin with 1");
    match node.meaning {
        Meaning::Part(language) => Tag::Part.with_lang(Some(language.to_owned())).into(),
        Meaning::Paragraph => Tag::P.into(),
        Meaning::Subject => Tag::Hn(level(1), Some(text(node, marks))).into(),
        Meaning::Heading => Tag::Hn(level(2), Some(text(node, marks))).into(),
        Meaning::List { is_ordered: true } => Tag::L(ListNumbering::Decimal).into(),
        Meaning::List { is_ordered: false } => Tag::L(ListNumbering::Disc).into(),
        Meaning::Item => Tag::LI.into(),
        Meaning::Label => Tag::Lbl.into(),
        Meaning::ItemBody => Tag::LBody.into(),
        Meaning::QrCode => Tag::Figure(Some("QR code".to_owned())).into(),
    }
}

/// What a heading says.
fn text(heading: &Node, marks: &[Mark]) -> String {
    let lines = heading.children.iter().filter_map(|child| match child {
        Child::Mark(number) => Some(&marks[*number].ink),
        Child::Node(_) => None,
    });
    lines
        .flat_map(|ink| match ink {
            Ink::Line { line, .. } => line.runs.as_slice(),
            Ink::QrCode(_) => &[],
        })
        .map(|run| run.text.as_str())
        .collect()
}

fn outline(entries: &[Entry]) -> Outline {
    let mut outline = Outline::new();
    for entry in entries {
        let place = XyzDestination::new(entry.page, Point::from_xy(paper::LEFT, entry.y));
        outline.push_child(OutlineNode::new(entry.title.clone(), place));
    }
    outline
}
