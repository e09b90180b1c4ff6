//! Embeds a font where a PDF relies on those of the reader: the printer has none.

use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use skrifa::{
    FontRef, MetadataProvider as _,
    instance::{LocationRef, Size},
};

use super::super::fonts::{BOLD, REGULAR};

/// Codes of Windows-1252 from 128 to 159; the others are those of Latin-1.
const SPECIAL: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// Gives each simple font without a font file Liberation Sans, whose letters are as wide as those of Helvetica and Arial.
/// Fonts of symbols stay as they are.
pub(super) fn embed_missing_fonts(document: &mut Document) {
    let missing: Vec<(ObjectId, bool)> = document
        .objects
        .iter()
        .filter_map(|(id, object)| {
            Some((*id, weight_if_missing(document, object.as_dict().ok()?)?))
        })
        .collect();
    let mut descriptors: [Option<ObjectId>; 2] = [None, None];
    for (id, is_bold) in missing {
        let descriptor = *descriptors[usize::from(is_bold)]
            .get_or_insert_with(|| add_descriptor(document, is_bold));
        if let Ok(font) = document.get_dictionary_mut(id) {
            replace(font, descriptor, is_bold);
        }
    }
}

/// Returns whether a font is bold, if it is one that has to be embedded.
fn weight_if_missing(document: &Document, font: &Dictionary) -> Option<bool> {
    let name_of = |key: &[u8]| font.get(key).ok()?.as_name().ok();
    if name_of(b"Type")? != b"Font" {
        return None;
    }
    let is_simple = matches!(name_of(b"Subtype")?, b"Type1" | b"TrueType" | b"MMType1");
    let name = String::from_utf8_lossy(name_of(b"BaseFont")?).into_owned();
    let is_of_symbols = ["Symbol", "Dingbats", "Wingdings"]
        .iter()
        .any(|known| name.contains(known));
    let descriptor = document.get_dict_in_dict(font, b"FontDescriptor").ok();
    let is_embedded = descriptor.is_some_and(|descriptor| {
        [&b"FontFile"[..], b"FontFile2", b"FontFile3"]
            .iter()
            .any(|key| descriptor.has(key))
    });
    (is_simple && !is_of_symbols && !is_embedded).then(|| name.contains("Bold"))
}

fn add_descriptor(document: &mut Document, is_bold: bool) -> ObjectId {
    let file = if is_bold { BOLD } else { REGULAR };
    let length = i64::try_from(file.len()).unwrap_or(i64::MAX);
    let file = document.add_object(Stream::new(
        dictionary! {"Length1" => length},
        file.to_vec(),
    ));
    document.add_object(dictionary! {
        "Type" => "FontDescriptor",
        "FontName" => name(is_bold),
        // Non-symbolic: the codes are those of an encoding.
        "Flags" => 32,
        "FontBBox" => [-544, -303, 1302, 980].map(Object::Integer).to_vec(),
        "ItalicAngle" => 0,
        "Ascent" => 905,
        "Descent" => -212,
        "CapHeight" => 729,
        "StemV" => if is_bold { 140 } else { 88 },
        "FontFile2" => file,
    })
}

fn name(is_bold: bool) -> &'static str {
    if is_bold {
        "LiberationSans-Bold"
    } else {
        "LiberationSans"
    }
}

fn replace(font: &mut Dictionary, descriptor: ObjectId, is_bold: bool) {
    font.set("Subtype", "TrueType");
    font.set("BaseFont", name(is_bold));
    font.set("FontDescriptor", descriptor);
    if !font.has(b"Encoding") {
        font.set("Encoding", "WinAnsiEncoding");
    }
    // The fourteen standard fonts may come without widths, others may not.
    if !font.has(b"Widths") {
        font.set("FirstChar", 32);
        font.set("LastChar", 255);
        font.set("Widths", widths(is_bold));
    }
}

fn widths(is_bold: bool) -> Vec<Object> {
    let font =
        FontRef::new(if is_bold { BOLD } else { REGULAR }).expect("our own font is readable");
    let metrics = font.glyph_metrics(Size::new(1000.0), LocationRef::default());
    let special: Vec<char> = SPECIAL.chars().collect();
    (32..=255_u8)
        .map(|code| {
            let character = match code {
                128..=159 => special[usize::from(code) - 128],
                _ => char::from(code),
            };
            let width = font
                .charmap()
                .map(character)
                .and_then(|glyph| metrics.advance_width(glyph));
            Object::Real(width.unwrap_or(0.0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widths_are_those_of_helvetica() {
        let widths = widths(false);
        let of = |code: usize| widths[code - 32].as_float().unwrap().round();
        assert_eq!(
            (of(32), of(65), of(128), of(255)),
            (278.0, 667.0, 556.0, 500.0)
        );
        assert_eq!(SPECIAL.chars().count(), 32);
    }
}
