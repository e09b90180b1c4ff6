//! Parses the HTML of a letter (`docs/spec/templates.md` §8.4, §10.3) into blocks. Knows only the tags that the template
//! renderer writes; anything else is text.

use text::html_escape::decode_strict;

use crate::{
    blocks::{Block, QrSymbol, TextSpan},
    glyph_cleanup::{LINE_BREAK, clean_spans},
};

/// Parses the HTML of a body.
pub(crate) fn parse_blocks(html: &str) -> Vec<Block> {
    let mut parser = Parser::default();
    let mut rest = html;
    while !rest.is_empty() {
        rest = parser.step(rest);
    }
    parser.finish()
}

/// Parses HTML whose lines end in `<br>` into lines, ignoring other tags. An empty line is a line.
pub(crate) fn parse_lines(html: &str) -> Vec<Vec<TextSpan>> {
    html.split("<br>")
        .map(|line| {
            let first = parse_blocks(line).into_iter().next();
            match first {
                Some(Block::Paragraph(text) | Block::Heading(text)) => text,
                _ => Vec::new(),
            }
        })
        .collect()
}

#[derive(Debug, Default)]
struct Parser {
    /// Open lists and items, the innermost last.
    open: Vec<Open>,
    document: Vec<Block>,
    spans: Vec<TextSpan>,
    bold: bool,
    is_heading: bool,
}

#[derive(Debug)]
enum Open {
    List {
        is_ordered: bool,
        items: Vec<Vec<Block>>,
    },
    Item(Vec<Block>),
}

impl Parser {
    /// Consumes one tag, or the text before the next one, and returns what follows.
    fn step<'html>(&mut self, html: &'html str) -> &'html str {
        let Some((tag, after)) = parse_tag(html) else {
            // A `<` that begins no known tag is text.
            let first = html.chars().next().map_or(0, char::len_utf8);
            let end = html[first..]
                .find('<')
                .map_or(html.len(), |index| first + index);
            self.text(&decode_strict(&html[..end]));
            return &html[end..];
        };
        self.apply_tag(&tag, after)
    }

    fn apply_tag<'html>(&mut self, tag: &Tag<'_>, after: &'html str) -> &'html str {
        match (tag.name, tag.closes) {
            ("br", _) => self.text(LINE_BREAK.encode_utf8(&mut [0; 4])),
            ("strong", closes) => self.bold = !closes,
            ("h2", false) => {
                self.end_block();
                self.is_heading = true;
            }
            ("ul" | "ol", false) => {
                self.end_block();
                self.open.push(Open::List {
                    is_ordered: tag.name == "ol",
                    items: Vec::new(),
                });
            }
            ("li", false) => {
                self.end_block();
                // Outside of a list, its text is a paragraph.
                if matches!(self.open.last(), Some(Open::List { .. })) {
                    self.open.push(Open::Item(Vec::new()));
                }
            }
            ("li", true) => self.close_item(),
            ("ul" | "ol", true) => self.close_list(),
            // The renderer's typography also replaces the hyphen in this class name by a non-breaking one.
            ("div", false) if tag.attributes.contains("page\u{2011}break") => {
                self.end_block();
                self.push(Block::PageBreak);
                let end = after.find("</div>").unwrap_or(after.len());
                return &after[end..];
            }
            ("svg", false) => {
                self.end_block();
                let end = after.find("</svg>").unwrap_or(after.len());
                if let Some(symbol) = parse_qr_code(tag.attributes, &after[..end]) {
                    self.push(Block::QrCode(symbol));
                }
                return &after[end..];
            }
            ("p" | "h2" | "div", _) => self.end_block(),
            _ => {}
        }
        after
    }

    fn text(&mut self, text: &str) {
        self.spans.push(TextSpan {
            text: text.to_owned(),
            bold: self.bold,
        });
    }

    /// Ends the open paragraph or heading, if any.
    fn end_block(&mut self) {
        let is_heading = std::mem::take(&mut self.is_heading);
        // A `<strong>` that was left open must not make the rest of the letter bold.
        self.bold = false;
        let text = clean_spans(std::mem::take(&mut self.spans));
        if text.is_empty() {
            return;
        }
        self.push(if is_heading {
            Block::Heading(text)
        } else {
            Block::Paragraph(text)
        });
    }

    fn push(&mut self, block: Block) {
        match self.open.last_mut() {
            Some(Open::Item(blocks)) => blocks.push(block),
            Some(Open::List { items, .. }) => items.push(vec![block]),
            None => self.document.push(block),
        }
    }

    fn close_item(&mut self) {
        self.end_block();
        if let Some(Open::Item(_)) = self.open.last()
            && let Some(Open::Item(blocks)) = self.open.pop()
            && let Some(Open::List { items, .. }) = self.open.last_mut()
        {
            items.push(blocks);
        }
    }

    fn close_list(&mut self) {
        self.close_item();
        if let Some(Open::List { .. }) = self.open.last()
            && let Some(Open::List { is_ordered, items }) = self.open.pop()
            && !items.is_empty()
        {
            self.push(Block::List { is_ordered, items });
        }
    }

    fn finish(mut self) -> Vec<Block> {
        self.end_block();
        while !self.open.is_empty() {
            self.close_list();
        }
        self.document
    }
}

struct Tag<'html> {
    name: &'html str,
    closes: bool,
    attributes: &'html str,
}

/// Parses a known tag at the start of `html`.
fn parse_tag(html: &str) -> Option<(Tag<'_>, &str)> {
    const KNOWN: [&str; 11] = [
        "p", "h2", "br", "strong", "ul", "ol", "li", "div", "span", "svg", "path",
    ];
    let inside = html.strip_prefix('<')?;
    let (inside, closes) = match inside.strip_prefix('/') {
        Some(inside) => (inside, true),
        None => (inside, false),
    };
    let name_end = inside
        .find(|character: char| !character.is_ascii_alphanumeric())
        .unwrap_or(inside.len());
    let name = KNOWN
        .into_iter()
        .find(|name| *name == &inside[..name_end])?;
    let end = end_of_tag(&inside[name_end..])?;
    let tag = Tag {
        name,
        closes,
        attributes: &inside[name_end..name_end + end],
    };
    Some((tag, &inside[name_end + end + 1..]))
}

/// Finds the `>` that ends a tag; one inside quotes does not.
fn end_of_tag(attributes: &str) -> Option<usize> {
    let mut quote = None;
    for (index, character) in attributes.char_indices() {
        match (quote, character) {
            (None, '>') => return Some(index),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

/// Parses the SVG of a QR code (`docs/spec/templates.md` §10.4): `viewBox="0 0 N N"` and a path of horizontal runs: first
/// `M4 0.5h7`, then `m2 1h3` relative to the end of the run before.
fn parse_qr_code(attributes: &str, inside: &str) -> Option<QrSymbol> {
    let side: u16 = attribute(attributes, "viewBox=")?
        .rsplit(' ')
        .next()?
        .parse()
        .ok()?;
    let path = attribute(inside, " d=")?;
    let mut runs = Vec::new();
    let (mut x, mut y) = (0i32, 0i32);
    for run in path.split(['M', 'm']).filter(|run| !run.is_empty()) {
        let (from, length) = run.split_once('h')?;
        let (dx, dy) = from.trim().split_once(' ')?;
        let length: i32 = length.trim().parse().ok()?;
        x = x.checked_add(dx.parse().ok()?)?;
        y = y.checked_add(dy.strip_suffix(".5").unwrap_or(dy).parse().ok()?)?;
        let inside = 0..i32::from(side);
        let end = x.checked_add(length)?;
        // Runs outside the symbol would be drawn over the text.
        if !inside.contains(&x) || !inside.contains(&y) || !(x..=inside.end).contains(&end) {
            return None;
        }
        runs.push((
            u16::try_from(x).ok()?,
            u16::try_from(y).ok()?,
            u16::try_from(length).ok()?,
        ));
        x = end;
    }
    Some(QrSymbol { side, runs })
}

fn attribute<'html>(attributes: &'html str, name: &str) -> Option<&'html str> {
    let start = attributes.find(name)? + name.len();
    let quote = attributes[start..].chars().next()?;
    let value = &attributes[start + quote.len_utf8()..];
    Some(&value[..value.find(quote)?])
}

#[cfg(test)]
mod tests {
    use templates::{letters::LetterTemplate, placeholders::Values};

    use super::*;

    fn of(content: &str) -> Vec<Block> {
        parse_blocks(&LetterTemplate::parse("s", content).html_body(&Values::new()))
    }

    fn plain(text: &str) -> Vec<TextSpan> {
        vec![TextSpan {
            text: text.to_owned(),
            bold: false,
        }]
    }

    #[test]
    fn a_body_is_parsed_into_blocks() {
        let read = of(
            "# Head\n\nOne\ntwo\n\n***\n\n* a\n* b\n\nThen\n\n1. c\n\nSee https://example.org now",
        );
        assert_eq!(
            read,
            [
                Block::Heading(plain("Head")),
                Block::Paragraph(plain_with_break("One", "two")),
                Block::PageBreak,
                Block::List {
                    is_ordered: false,
                    items: vec![
                        vec![Block::Paragraph(plain("a"))],
                        vec![Block::Paragraph(plain("b"))]
                    ],
                },
                Block::Paragraph(plain("Then")),
                Block::List {
                    is_ordered: true,
                    items: vec![vec![Block::Paragraph(plain("c"))]],
                },
                Block::Paragraph(vec![
                    plain("See ").remove(0),
                    TextSpan {
                        text: "example.org".to_owned(),
                        bold: true
                    },
                    plain(" now").remove(0),
                ]),
            ]
        );
    }

    fn plain_with_break(before: &str, after: &str) -> Vec<TextSpan> {
        [before, "\n", after].into_iter().flat_map(plain).collect()
    }

    #[test]
    fn typed_text_stays_text_whatever_it_looks_like() {
        let typed = "Cost: $5 \\ #let *a* <script>alert(1)</script> <svg> </p> &lt;br&gt; {x} [y]";
        let read = of(typed);
        let [Block::Paragraph(text)] = &read[..] else {
            panic!("one paragraph: {read:?}");
        };
        let words: String = text.iter().map(|span| span.text.as_str()).collect();
        assert_eq!(
            words,
            "Cost: $5 \\ #let *a* <script>alert(1)</script> <svg> </p> <br> {x} [y]"
        );
    }

    #[test]
    fn a_qr_code_is_parsed_module_by_module() {
        let read = of("qr: https://example.org");
        let [Block::QrCode(symbol)] = &read[..] else {
            panic!("a QR code: {read:?}");
        };
        let code = templates::qr_codes::QrCode::encode("https://example.org").unwrap();
        let mut drawn = vec![vec![false; usize::from(symbol.side)]; usize::from(symbol.side)];
        for (x, y, length) in &symbol.runs {
            for module in *x..x + length {
                drawn[usize::from(*y)][usize::from(module)] = true;
            }
        }
        let rows: Vec<Vec<bool>> = code.rows().map(<[bool]>::to_vec).collect();
        assert_eq!(drawn, rows);
    }

    #[test]
    fn text_after_malformed_html_is_kept_or_inside_a_tag() {
        for (html, keeps_text) in [
            ("<", true),
            ("<p>a", true),
            ("<ul><li>", true),
            ("</li></ul>", true),
            ("<svg viewBox=\"0 0 9 9\"><path d=\"M99 1h4\"/></svg>", true),
            ("<ul>x</ul>", true),
            ("<div class=\"page\u{2011}break\">", false),
            ("<svg>", false),
        ] {
            let blocks = parse_blocks(&format!("{html} end"));
            let is_kept = format!("{blocks:?}").contains("end\"");
            assert_eq!(is_kept, keeps_text, "{html:?} gives {blocks:?}");
        }
    }
}
