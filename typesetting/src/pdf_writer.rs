//! Writes a layout as a tagged PDF.

use std::num::NonZeroU16;

use krilla::{
    Document, SerializeSettings,
    color::luma,
    configure::{Accessibility, ConfigurationBuilder},
    destination::XyzDestination,
    geom::{PathBuilder, Point, Rect, Size, Transform},
    metadata::Metadata,
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::{Fill, Stroke},
    surface::Surface,
    tagging::{
        Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, SpanTag, Tag, TagGroup,
        TagKind, TagTree,
    },
};

use crate::{
    bidi::Direction,
    blocks::QrSymbol,
    fonts::Run,
    glyph_cleanup::clean_line,
    layout::{Child, DrawOp, Layout, Node, OutlineEntry, Placement, Role},
    line_breaking::{Line, break_lines},
    logo::Logo,
    page_metrics,
    problem::LetterProblem,
};

/// Returns the bytes of a PDF with this title and language.
pub(crate) fn write_pdf(
    layout: Layout,
    title: String,
    language: &str,
) -> Result<Vec<u8>, LetterProblem> {
    let mut document = Document::new_with(pdf_ua_settings());
    let mut identifiers: Vec<Option<Identifier>> = layout.placements.iter().map(|_| None).collect();
    for page in 0..layout.pages {
        let size = PageSettings::from_wh(page_metrics::WIDTH, page_metrics::HEIGHT)
            .expect("A4 has a size");
        let mut pdf_page = document.start_page_with(size);
        let mut surface = pdf_page.surface();
        if page == 0 {
            draw_tag(&mut surface);
        }
        for (number, placement) in layout.placements.iter().enumerate() {
            if placement.page == page {
                identifiers[number] = Some(draw(&mut surface, placement));
            }
        }
        surface.finish();
        pdf_page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some(language.to_owned()));
    for part in layout.parts {
        tree.push(build_group(part, &layout.placements, &mut identifiers));
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

fn pdf_ua_settings() -> SerializeSettings {
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("one rule set does not contradict itself");
    SerializeSettings {
        configuration,
        ..SerializeSettings::default()
    }
}

fn draw(surface: &mut Surface<'_>, placement: &Placement) -> Identifier {
    match &placement.op {
        DrawOp::Line { line, size } => {
            let identifier = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            // Drawn in the order of reading, wherever it stands: that is the order in which text is read aloud.
            for (run, x) in line.runs_with_places() {
                let start = Point::from_xy(placement.x + x * size, placement.y);
                draw_run(surface, run, start, *size);
            }
            surface.end_tagged();
            identifier
        }
        DrawOp::QrCode(symbol) => {
            let identifier = surface.start_tagged(ContentTag::Other);
            draw_qr_code(surface, symbol, placement.x, placement.y);
            surface.end_tagged();
            identifier
        }
        DrawOp::Logo(logo) => {
            let identifier = surface.start_tagged(ContentTag::Other);
            draw_logo(surface, logo, placement.x, placement.y);
            surface.end_tagged();
            identifier
        }
    }
}

/// Draws the mark that begins a letter, which is no part of its text.
fn draw_tag(surface: &mut Surface<'_>) {
    /// More than the mark takes, so that it stays on one line.
    const MAX_EMS: f32 = 100.0;
    let text = clean_line(page_metrics::TAG_TEXT, false);
    let broken = break_lines(&text, MAX_EMS, false, Direction::LeftToRight);
    let artifact = Artifact::with_kind(ArtifactType::Header);
    surface.start_tagged(ContentTag::Artifact(artifact));
    for (run, x) in broken.lines.iter().flat_map(Line::runs_with_places) {
        let start = Point::from_xy(
            page_metrics::TAG_LEFT + x * page_metrics::TAG_SIZE,
            page_metrics::TAG_BASELINE,
        );
        // White on white: for machines only.
        surface.set_fill(Some(Fill {
            paint: luma::Color::white().into(),
            ..Fill::default()
        }));
        for (glyphs, x) in run.slices_as_read() {
            let start = Point::from_xy(start.x + x * page_metrics::TAG_SIZE, start.y);
            let font = run.font.font().embedded.clone();
            surface.draw_glyphs(
                start,
                glyphs,
                font,
                &run.text,
                page_metrics::TAG_SIZE,
                false,
            );
        }
    }
    surface.set_fill(None);
    surface.end_tagged();
}

fn draw_run(surface: &mut Surface<'_>, run: &Run, start: Point, size: f32) {
    /// Width of the outline that makes a letter bold, as a multiple of the font size.
    const BOLDNESS: f32 = 0.035;
    let outline = run.font.needs_thicker_outline().then(|| Stroke {
        width: BOLDNESS * size,
        ..Stroke::default()
    });
    // Without a fill of its own, text that has an outline would be hollow.
    surface.set_fill(outline.as_ref().map(|_| Fill::default()));
    surface.set_stroke(outline);
    let font = run.font.font().embedded.clone();
    for (glyphs, x) in run.slices_as_read() {
        let start = Point::from_xy(start.x + x * size, start.y);
        surface.draw_glyphs(start, glyphs, font.clone(), &run.text, size, false);
    }
    surface.set_fill(None);
    surface.set_stroke(None);
}

/// Draws a QR code with its quiet zone, except on the left: the page's margin is wide enough.
fn draw_qr_code(surface: &mut Surface<'_>, symbol: &QrSymbol, left: f32, top: f32) {
    let module =
        page_metrics::QR_SIDE / (f32::from(symbol.side) + 2.0 * page_metrics::QR_QUIET_ZONE);
    let mut path = PathBuilder::new();
    for &(x, y, length) in &symbol.runs {
        let corner = (
            left + f32::from(x) * module,
            top + (f32::from(y) + page_metrics::QR_QUIET_ZONE) * module,
        );
        if let Some(run) = Rect::from_xywh(corner.0, corner.1, f32::from(length) * module, module) {
            path.push_rect(run);
        }
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

fn draw_logo(surface: &mut Surface<'_>, logo: &Logo, left: f32, top: f32) {
    let (width, height) = logo.size();
    if let Some(size) = Size::from_wh(width, height) {
        surface.push_transform(&Transform::from_translate(left, top));
        surface.draw_image(logo.image.clone(), size);
        surface.pop();
    }
}

fn build_group(
    node: Node,
    placements: &[Placement],
    identifiers: &mut [Option<Identifier>],
) -> TagGroup {
    let mut group = TagGroup::new(tag(&node, placements));
    for child in node.children {
        match child {
            Child::Node(node) => group.push(build_group(node, placements, identifiers)),
            Child::Placement(number) => {
                // A piece of content belongs to one group; to name it twice would break the structure tree.
                if let Some(identifier) = identifiers[number].take() {
                    group.push(identifier);
                }
            }
        }
    }
    group
}

fn tag(node: &Node, placements: &[Placement]) -> TagKind {
    let level = |level| NonZeroU16::new(level).expect("levels begin with 1");
    match node.role {
        Role::Part(language) => Tag::Part.with_lang(Some(language.to_owned())).into(),
        Role::Paragraph => Tag::P.into(),
        Role::Subject => Tag::Hn(level(1), Some(heading_text(node, placements))).into(),
        Role::Heading => Tag::Hn(level(2), Some(heading_text(node, placements))).into(),
        Role::List { is_ordered: true } => Tag::L(ListNumbering::Decimal).into(),
        Role::List { is_ordered: false } => Tag::L(ListNumbering::Disc).into(),
        Role::Item => Tag::LI.into(),
        Role::Label => Tag::Lbl.into(),
        Role::ItemBody => Tag::LBody.into(),
        Role::QrCode => Tag::Figure(Some("QR code".to_owned())).into(),
        Role::Logo => Tag::Figure(Some(description(node, placements))).into(),
    }
}

fn heading_text(heading: &Node, placements: &[Placement]) -> String {
    let lines = heading.children.iter().filter_map(|child| match child {
        Child::Placement(number) => Some(&placements[*number].op),
        Child::Node(_) => None,
    });
    lines
        .map(|op| match op {
            DrawOp::Line { line, .. } => line.text(),
            DrawOp::QrCode(_) | DrawOp::Logo(_) => String::new(),
        })
        .collect()
}

/// Returns what the logo of a node is called.
fn description(node: &Node, placements: &[Placement]) -> String {
    let logo = node.children.iter().find_map(|child| match child {
        Child::Placement(number) => match &placements[*number].op {
            DrawOp::Logo(logo) => Some(logo.description.clone()),
            _ => None,
        },
        Child::Node(_) => None,
    });
    logo.unwrap_or_default()
}

fn outline(entries: &[OutlineEntry]) -> Outline {
    let mut outline = Outline::new();
    for entry in entries {
        let place = XyzDestination::new(entry.page, Point::from_xy(page_metrics::LEFT, entry.y));
        outline.push_child(OutlineNode::new(entry.title.clone(), place));
    }
    outline
}
