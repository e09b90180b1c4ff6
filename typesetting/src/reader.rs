//! Reads the HTML of a letter's body (`docs/spec/templates.md` §8.4, §10.3). It knows the tags that `content` writes;
//! everything else is words.

use text::html_escape::decode_strict;

use crate::{
    blocks::{Block, Piece, Symbol},
    tidy::{LINE_END, tidy},
};

/// The blocks of a body.
pub(crate) fn blocks(html: &str) -> Vec<Block> {
    let mut reader = Reader::default();
    let mut rest = html;
    while !rest.is_empty() {
        rest = reader.step(rest);
    }
    reader.finish()
}

/// The lines of an HTML text whose lines end in `<br>`, its tags left out. An empty line is a line.
pub(crate) fn lines(html: &str) -> Vec<Vec<Piece>> {
    html.split("<br>")
        .map(|line| {
            let first = blocks(line).into_iter().next();
            match first {
                Some(Block::Paragraph(text) | Block::Heading(text)) => text,
                _ => Vec::new(),
            }
        })
        .collect()
}

#[derive(Debug, Default)]
struct Reader {
    /// The blocks of the document, or of each list item that is open, the innermost last.
    open: Vec<Open>,
    document: Vec<Block>,
    text: Vec<Piece>,
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

impl Reader {
    /// Takes one tag, or the words before the next.
    fn step<'html>(&mut self, html: &'html str) -> &'html str {
        let Some((tag, after)) = tag(html) else {
            // A `<` that begins no tag is a word itself.
            let first = html.chars().next().map_or(0, char::len_utf8);
            let end = html[first..]
                .find('<')
                .map_or(html.len(), |place| first + place);
            self.words(&decode_strict(&html[..end]));
            return &html[end..];
        };
        self.take(&tag, after)
    }

    fn take<'html>(&mut self, tag: &Tag<'_>, after: &'html str) -> &'html str {
        match (tag.name, tag.closes) {
            ("br", _) => self.words(LINE_END.encode_utf8(&mut [0; 4])),
            ("strong", closes) => self.bold = !closes,
            ("h2", false) => {
                self.flush();
                self.is_heading = true;
            }
            ("ul" | "ol", false) => {
                self.flush();
                self.open.push(Open::List {
                    is_ordered: tag.name == "ol",
                    items: Vec::new(),
                });
            }
            ("li", false) => {
                self.flush();
                if matches!(self.open.last(), Some(Open::List { .. })) {
                    self.open.push(Open::Item(Vec::new()));
                }
            }
            ("li", true) => self.close_item(),
            ("ul" | "ol", true) => self.close_list(),
            // Hyphens in the names of classes have become ones that do not break.
            ("div", false) if tag.attributes.contains("page\u{2011}break") => {
                self.flush();
                self.push(Block::PageBreak);
                let end = after.find("</div>").unwrap_or(after.len());
                return &after[end..];
            }
            ("svg", false) => {
                self.flush();
                let end = after.find("</svg>").unwrap_or(after.len());
                if let Some(symbol) = symbol(tag.attributes, &after[..end]) {
                    self.push(Block::QrCode(symbol));
                }
                return &after[end..];
            }
            ("p" | "h2" | "div", _) => self.flush(),
            _ => {}
        }
        after
    }

    fn words(&mut self, words: &str) {
        self.text.push(Piece {
            text: words.to_owned(),
            bold: self.bold,
        });
    }

    /// Ends the paragraph or heading that is being read, if there is one.
    fn flush(&mut self) {
        let is_heading = std::mem::take(&mut self.is_heading);
        self.bold = false;
        let text = tidy(std::mem::take(&mut self.text));
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
        self.flush();
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
        self.flush();
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

/// The tag that a text begins with, if it is one that we know.
fn tag(html: &str) -> Option<(Tag<'_>, &str)> {
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

/// Where the `>` is that ends a tag; one inside quotes does not.
fn end_of_tag(attributes: &str) -> Option<usize> {
    let mut quote = None;
    for (place, character) in attributes.char_indices() {
        match (quote, character) {
            (None, '>') => return Some(place),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

/// The symbol of a QR code (`docs/spec/templates.md` §10.4): `viewBox="0 0 N N"`, and a path of horizontal runs – `M4
/// 0.5h7` the first, `m2 1h3` from the end of the one before.
fn symbol(attributes: &str, inside: &str) -> Option<Symbol> {
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
    Some(Symbol { side, runs })
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
        blocks(&LetterTemplate::parse("s", content).html_body(&Values::new()))
    }

    fn plain(text: &str) -> Vec<Piece> {
        vec![Piece {
            text: text.to_owned(),
            bold: false,
        }]
    }

    #[test]
    fn a_body_is_read_into_its_blocks() {
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
                    Piece {
                        text: "example.org".to_owned(),
                        bold: true
                    },
                    plain(" now").remove(0),
                ]),
            ]
        );
    }

    fn plain_with_break(before: &str, after: &str) -> Vec<Piece> {
        [before, "\n", after].into_iter().flat_map(plain).collect()
    }

    #[test]
    fn what_was_typed_is_words_whatever_it_looks_like() {
        let typed = "Cost: $5 \\ #let *a* <script>alert(1)</script> <svg> </p> &lt;br&gt; {x} [y]";
        let read = of(typed);
        let [Block::Paragraph(text)] = &read[..] else {
            panic!("one paragraph: {read:?}");
        };
        let words: String = text.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!(
            words,
            "Cost: $5 \\ #let *a* <script>alert(1)</script> <svg> </p> <br> {x} [y]"
        );
    }

    #[test]
    fn a_qr_code_is_read_module_by_module() {
        let read = of("qr: https://example.org");
        let [Block::QrCode(symbol)] = &read[..] else {
            panic!("a QR code: {read:?}");
        };
        let code = templates::letters::qr_codes::QrCode::of("https://example.org").unwrap();
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
    fn broken_html_is_read_to_its_end() {
        for html in [
            "<",
            "<p",
            "</",
            "<p>a",
            "<ul><li>",
            "</li></ul>",
            "<svg>",
            "<svg viewBox='0 0 9 9'",
            "<svg viewBox=\"0 0 9 9\"><path d=\"M99 1h4\"/></svg>",
            "<ul>x</ul>",
            "<div class=\"page\u{2011}break\">",
        ] {
            blocks(html);
        }
    }
}
