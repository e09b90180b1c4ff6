//! Changes the instructions that draw pages: text in the address window is left out, colours become inks.

use kurbo::{Affine, Point};
use lopdf::{
    Document, Object, ObjectId, Stream,
    content::{Content, Operation},
};

use super::super::areas::{self, millimetres};

/// Rewrites the content of all pages, forms and patterns. `window` is the page with the address window, and leads from its
/// content to points from its top left corner.
///
/// Content that cannot be parsed stays as it is: a white area covers the window in any case.
pub(super) fn rewrite(document: &mut Document, window: Option<(ObjectId, Affine)>) {
    for page in document.get_pages().into_values() {
        let content = document.get_page_content(page);
        let to_display = window
            .filter(|(first, _)| *first == page)
            .map(|(_, there)| there);
        if let Some(changed) = changed(&content, to_display) {
            let content = document.add_object(Stream::new(lopdf::Dictionary::new(), changed));
            if let Ok(page) = document.get_dictionary_mut(page) {
                page.set("Contents", content);
            }
        }
    }
    for object in document.objects.values_mut() {
        let Ok(stream) = object.as_stream_mut() else {
            continue;
        };
        let is_drawn = stream
            .dict
            .get(b"Subtype")
            .is_ok_and(|kind| kind.as_name().is_ok_and(|kind| kind == b"Form"))
            || stream.dict.has(b"PatternType");
        if is_drawn
            && let Ok(content) = stream.get_plain_content()
            && let Some(changed) = changed(&content, None)
        {
            stream.dict.remove(b"Filter");
            stream.dict.remove(b"DecodeParms");
            stream.set_content(changed);
        }
    }
}

/// Returns content without its marks of structure, which name another document's.
pub(super) fn without_marks(content: &[u8]) -> Vec<u8> {
    let Ok(mut parsed) = Content::decode_strict(content) else {
        return content.to_vec();
    };
    parsed
        .operations
        .retain(|operation| !matches!(operation.operator.as_str(), "BDC" | "BMC" | "EMC"));
    parsed.encode().unwrap_or_else(|_| content.to_vec())
}

fn changed(content: &[u8], window: Option<Affine>) -> Option<Vec<u8>> {
    let parsed = Content::decode_strict(content).ok()?;
    let mut writer = ContentWriter {
        operations: Vec::with_capacity(parsed.operations.len()),
        fill_is_rgb: false,
        stroke_is_rgb: false,
        window: window.map(TextPosition::new),
    };
    for operation in parsed.operations {
        writer.push(operation);
    }
    let content = Content {
        operations: writer.operations,
    };
    content.encode().ok()
}

struct ContentWriter {
    operations: Vec<Operation>,
    fill_is_rgb: bool,
    stroke_is_rgb: bool,
    window: Option<TextPosition>,
}

impl ContentWriter {
    fn push(&mut self, operation: Operation) {
        if let Some(position) = &mut self.window {
            position.follow(&operation);
            let shows = matches!(operation.operator.as_str(), "Tj" | "TJ" | "'" | "\"");
            if shows && position.is_in_window() {
                // These two begin a new line first.
                if matches!(operation.operator.as_str(), "'" | "\"") {
                    self.operations.push(Operation::new("T*", Vec::new()));
                }
                return;
            }
        }
        let Operation { operator, operands } = &operation;
        match (operator.as_str(), operands.as_slice()) {
            ("rg", _) => self.push_inks("k", operands, operation.clone()),
            ("RG", _) => self.push_inks("K", operands, operation.clone()),
            ("cs", [Object::Name(space)]) => {
                self.fill_is_rgb = space == b"DeviceRGB";
                self.operations.push(operation);
            }
            ("CS", [Object::Name(space)]) => {
                self.stroke_is_rgb = space == b"DeviceRGB";
                self.operations.push(operation);
            }
            ("sc" | "scn", [_, _, _]) if self.fill_is_rgb => {
                self.push_inks("k", operands, operation.clone());
            }
            ("SC" | "SCN", [_, _, _]) if self.stroke_is_rgb => {
                self.push_inks("K", operands, operation.clone());
            }
            ("g" | "k", _) => {
                self.fill_is_rgb = false;
                self.operations.push(operation);
            }
            ("G" | "K", _) => {
                self.stroke_is_rgb = false;
                self.operations.push(operation);
            }
            _ => self.operations.push(operation),
        }
    }

    fn push_inks(&mut self, operator: &str, colour: &[Object], unchanged: Operation) {
        let numbers: Vec<f32> = colour
            .iter()
            .filter_map(|value| value.as_float().ok())
            .collect();
        self.operations.push(match numbers[..] {
            [red, green, blue] => {
                let inks = inks(red, green, blue).map(Object::Real);
                Operation::new(operator, inks.to_vec())
            }
            _ => unchanged,
        });
    }
}

/// Returns cyan, magenta, yellow and black for a colour of light. What they have in common is printed in black: grey text
/// stays sharp, and no paper is soaked.
fn inks(red: f32, green: f32, blue: f32) -> [f32; 4] {
    let [cyan, magenta, yellow] = [red, green, blue].map(|light| 1.0 - light.clamp(0.0, 1.0));
    let black = cyan.min(magenta).min(yellow);
    let rest = 1.0 - black;
    if rest <= f32::EPSILON {
        return [0.0, 0.0, 0.0, 1.0];
    }
    let [cyan, magenta, yellow] = [cyan, magenta, yellow].map(|ink| (ink - black) / rest);
    [cyan, magenta, yellow, black]
}

fn matrix(numbers: &[f64]) -> Option<Affine> {
    <[f64; 6]>::try_from(numbers).ok().map(Affine::new)
}

/// Where the next text begins.
struct TextPosition {
    to_display: Affine,
    matrix: Affine,
    saved: Vec<Affine>,
    text: Affine,
    line: Affine,
    leading: f64,
}

impl TextPosition {
    fn new(to_display: Affine) -> Self {
        Self {
            to_display,
            matrix: Affine::IDENTITY,
            saved: Vec::new(),
            text: Affine::IDENTITY,
            line: Affine::IDENTITY,
            leading: 0.0,
        }
    }

    fn follow(&mut self, operation: &Operation) {
        let numbers: Vec<f64> = operation
            .operands
            .iter()
            .filter_map(|value| value.as_float().ok().map(f64::from))
            .collect();
        match (operation.operator.as_str(), numbers.as_slice()) {
            ("q", _) => self.saved.push(self.matrix),
            ("Q", _) => self.matrix = self.saved.pop().unwrap_or(self.matrix),
            ("cm", six) => self.matrix *= matrix(six).unwrap_or_default(),
            ("BT", _) => self.set_line(Affine::IDENTITY),
            ("Tm", six) => self.set_line(matrix(six).unwrap_or(self.line)),
            ("Td", [x, y]) => self.move_line(*x, *y),
            ("TD", [x, y]) => {
                self.leading = -y;
                self.move_line(*x, *y);
            }
            ("TL", [leading]) => self.leading = *leading,
            ("T*" | "'" | "\"", _) => self.move_line(0.0, -self.leading),
            _ => {}
        }
    }

    fn set_line(&mut self, line: Affine) {
        self.line = line;
        self.text = line;
    }

    fn move_line(&mut self, x: f64, y: f64) {
        self.set_line(self.line * Affine::translate((x, y)));
    }

    fn is_in_window(&self) -> bool {
        let place = self.to_display * self.matrix * self.text * Point::ZERO;
        areas::ADDRESS_WINDOW
            .grown(areas::READING_MARGIN)
            .contains(millimetres(place.x), millimetres(place.y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_become_inks_with_black_for_what_is_grey() {
        for (light, expected) in [
            ((0.0, 0.0, 0.0), [0.0, 0.0, 0.0, 1.0]),
            ((1.0, 1.0, 1.0), [0.0, 0.0, 0.0, 0.0]),
            ((0.5, 0.5, 0.5), [0.0, 0.0, 0.0, 0.5]),
            ((1.0, 0.0, 0.0), [0.0, 1.0, 1.0, 0.0]),
        ] {
            let found = inks(light.0, light.1, light.2);
            assert!(
                found
                    .iter()
                    .zip(expected)
                    .all(|(a, b)| (a - b).abs() < 1e-6),
                "{light:?}: {found:?}"
            );
        }
    }

    #[test]
    fn text_in_the_window_is_left_out() {
        // Points from the bottom left corner of A4.
        let to_display = Affine::new([1.0, 0.0, 0.0, -1.0, 0.0, 841.89]);
        let content = b"BT /F 10 Tf 71 710 Td (Ada) Tj 0 -300 Td (Dear Ada) Tj ET 1 0 0 rg";
        let changed = changed(content, Some(to_display)).unwrap();
        let text = String::from_utf8(changed).unwrap();
        assert!(!text.contains("(Ada)"), "{text}");
        assert!(text.contains("(Dear Ada)"), "{text}");
        assert!(text.ends_with("0.0 1.0 1.0 0.0 k"), "{text}");
    }
}
