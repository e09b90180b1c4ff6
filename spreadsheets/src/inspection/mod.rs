//! What a sender should know about a file though the published rules count it as no error (`docs/spec/recipients.md`
//! §8.9): what is wrong with the header, rows that are longer than the header, cells that hold other rows, repeated recipients, lost characters.
//!
//! It looks at records as they are and at nothing that the width of the file decides, so one pass is enough.

mod duplicates;
mod header_search;
mod lost_characters;
mod occurrences;
mod row_like_lines;

use super::{Record, Settings, Validation, header::Header, recipient_columns};
use domain::Channel;
use duplicates::Duplicates;
use header_search::HeaderSearch;
use lost_characters::LostCharacters;
use occurrences::Occurrences;
use row_like_lines::RowShape;

/// Watches the rows of a file go by.
#[derive(Debug)]
pub(super) struct Inspection {
    /// Rows past this many are not looked at.
    max_rows: usize,
    /// The number of columns up to the last that has a name.
    header_width: usize,
    header_search: HeaderSearch,
    shape: RowShape,
    /// The columns whose values stand in messages.
    used_positions: Vec<usize>,
    long_rows: Occurrences,
    rows_within_cells: Occurrences,
    duplicates: Duplicates,
    lost_characters: LostCharacters,
}

impl Inspection {
    pub(super) fn new(header: &Header, settings: &Settings) -> Self {
        let template = &settings.template;
        let channel = template.channel();
        let recipient_keys = recipient_columns::keys(channel);
        let positions_of = |is_meant: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let columns = header.columns().enumerate();
            columns
                .filter(|(_, (_, key))| is_meant(key))
                .map(|(position, _)| position)
                .collect()
        };
        let recipient_positions = positions_of(&|key| recipient_keys.contains(&key));
        let used_positions = positions_of(&|key| {
            template.placeholders().contains_key(key)
                || (channel == Channel::Letter && recipient_keys.contains(&key))
        });
        let is_on = settings.validation != Validation::Nothing;
        let named = header.names().iter().rposition(|name| !name.is_empty());
        Self {
            max_rows: if is_on { settings.max_rows } else { 0 },
            // A template can ask for the cells past the header.
            header_width: if template.uses_extra_cells() {
                usize::MAX
            } else {
                named.map_or(0, |last| last + 1)
            },
            header_search: HeaderSearch::new(header, template),
            shape: RowShape::new(channel, header, &recipient_positions),
            used_positions,
            long_rows: Occurrences::default(),
            rows_within_cells: Occurrences::default(),
            duplicates: Duplicates::new(channel, recipient_positions),
            lost_characters: LostCharacters::new(template.loses_characters()),
        }
    }

    /// Looks at the next row, counted from 0.
    pub(super) fn add(&mut self, row: usize, record: &Record) {
        if row >= self.max_rows {
            return;
        }
        self.header_search.add(row, record);
        if record.width() > self.header_width {
            self.long_rows.add(row);
        }
        if record.fields().any(|field| self.shape.occurs_in(field)) {
            self.rows_within_cells.add(row);
        }
        self.duplicates.add(row, record);
        let used = self.used_positions.iter();
        let used = used.filter_map(|&position| record.get(position));
        self.lost_characters.add(row, used);
    }

    /// Returns how many rows have more cells than the header.
    pub(super) fn long_rows(&self) -> usize {
        self.long_rows.count()
    }

    /// Returns warnings and errors, a sentence each. `number_of` gives the number that a program shows beside a row.
    pub(super) fn finish(
        self,
        refuses_long_rows: bool,
        number_of: impl Fn(usize) -> usize,
    ) -> (Vec<String>, Vec<String>) {
        let mut warnings = self.header_search.sentences(&number_of);
        let mut problems = Vec::new();
        let long_rows = self.long_rows.sentence(
            &number_of,
            "has more cells than the header",
            "have more cells than the header",
        );
        if refuses_long_rows {
            problems.extend(long_rows);
        } else {
            warnings.extend(long_rows);
        }
        warnings.extend(self.rows_within_cells.sentence(
            &number_of,
            "has a cell with lines that look like rows of this sheet: is a quotation mark left open?",
            "have cells with lines that look like rows of this sheet: is a quotation mark left open?",
        ));
        warnings.extend(self.duplicates.sentence(&number_of));
        warnings.extend(self.lost_characters.sentences(&number_of));
        (warnings, problems)
    }
}
