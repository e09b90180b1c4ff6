//! Constructs of common Markdown that the dialect recognises and renders as nothing (`docs/spec/templates.md` §7.2,
//! §7.4). Their authors expect to see them, so they are warned.

/// Which constructs of a document render as nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// A table.
    pub table: bool,
    /// An image.
    pub image: bool,
}

impl Dropped {
    /// Returns a sentence for people for each construct.
    pub fn warnings(self) -> Vec<String> {
        let table =
            "the content has a table, which recipients will not see: write its rows as a list";
        let image = "the content has an image, which recipients will not see";
        [(self.table, table), (self.image, image)]
            .into_iter()
            .filter(|(is_there, _)| *is_there)
            .map(|(_, warning)| warning.to_owned())
            .collect()
    }
}

/// Returns false if certainly no construct of the text is dropped.
pub(super) fn may_vanish(text: &str) -> bool {
    // Rows of tables, images, definitions of links and footnotes. Most texts have none, and are not parsed for this.
    text.contains(['|']) || text.contains("![") || text.contains("]:")
}

#[cfg(test)]
mod tests {
    use crate::markdown::{Dropped, find_dropped, to_plain_text, vanishes};

    #[test]
    fn tables_and_images_are_found_and_plain_bars_are_not() {
        let table = Dropped {
            table: true,
            image: false,
        };
        assert_eq!(
            find_dropped("Hi\n\n| Day | Bin |\n|---|---|\n| Mon | Green |\n\nBye"),
            table
        );
        assert_eq!(find_dropped("Day | Bin\n--- | ---\nMon | Green"), table);
        let image = Dropped {
            table: false,
            image: true,
        };
        assert_eq!(
            find_dropped("Look: ![map](https://example.org/map.png)"),
            image
        );
        assert_eq!(find_dropped("this | that ![ and ]: x"), Dropped::default());
    }

    #[test]
    fn a_body_vanishes_if_nothing_is_left_of_it() {
        for body in [
            "| Day | Bin |\n|---|---|\n| Mon | Green |",
            "![map](https://example.org/map.png)",
            "[k]: https://example.org",
        ] {
            assert!(vanishes(body), "{body}");
        }
        let with_text = "| Day | Bin |\n|---|---|\n| Mon | Green |\n\nBye";
        assert!(!vanishes(with_text));
        assert_eq!(to_plain_text(with_text).trim(), "Bye");
        // Blank content is the business of the checks that the contract describes.
        assert!(!vanishes("  "));
    }
}
