/// Rows that a sentence names.
const ROWS_NAMED: usize = 5;

/// The rows in which something was noticed: how many, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Occurrences {
    count: usize,
    first: Vec<usize>,
}

impl Occurrences {
    pub(super) fn add(&mut self, row: usize) {
        self.count += 1;
        if self.first.len() < ROWS_NAMED {
            self.first.push(row);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the rows with what they do, in the singular or the plural; nothing if there are none.
    pub(super) fn sentence(
        &self,
        number_of: &impl Fn(usize) -> usize,
        does: &str,
        do_: &str,
    ) -> Option<String> {
        let does = if self.count == 1 { does } else { do_ };
        Some(format!("{} {does}", self.rows(number_of)?))
    }

    /// Returns `row 2`, `rows 2 and 5`, `rows 2, 5, 6, 7, 8 and 12 more`; nothing if there are none.
    pub(super) fn rows(&self, number_of: &impl Fn(usize) -> usize) -> Option<String> {
        let mut parts: Vec<String> = self
            .first
            .iter()
            .map(|&row| number_of(row).to_string())
            .collect();
        match self.count - self.first.len() {
            0 => {}
            more => parts.push(format!("{more} more")),
        }
        let last = parts.pop()?;
        Some(match parts.as_slice() {
            [] => format!("row {last}"),
            parts => format!("rows {} and {last}", parts.join(", ")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_named_and_the_rest_are_counted() {
        let mut rows = Occurrences::default();
        let sentence = |rows: &Occurrences| rows.sentence(&|row| row + 2, "is bad", "are bad");
        assert_eq!(sentence(&rows), None);
        rows.add(0);
        assert_eq!(sentence(&rows).unwrap(), "row 2 is bad");
        rows.add(3);
        assert_eq!(sentence(&rows).unwrap(), "rows 2 and 5 are bad");
        (4..10).for_each(|row| rows.add(row));
        assert_eq!(
            sentence(&rows).unwrap(),
            "rows 2, 5, 6, 7, 8 and 3 more are bad"
        );
    }
}
