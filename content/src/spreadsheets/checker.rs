use super::{
    Layout, ReadError, Record, Records, Report, Row, Settings, columns::Columns, futures::Futures, header::Header,
    verdict::Judge,
};
use crate::text::column_key;

/// Checks a file in one pass, as it comes in (`recipients.md` §8).
///
/// [`push`](Self::push) the chunks, then [`finish`](Self::finish). Memory is bounded by a chunk, the longest record and
/// the errors that will be shown.
#[derive(Debug)]
pub struct Checker {
    settings: Settings,
    records: Records,
    body: Option<Body>,
}

impl Checker {
    /// A check against these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, records: Records::new(), body: None }
    }

    /// Checks the next part of the file, cut anywhere. Fails if the file cannot be read; then there is no report.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ReadError> {
        let pushed = self.records.push(chunk);
        self.check_records()?;
        pushed
    }

    /// How many rows have been checked so far.
    pub fn rows(&self) -> usize {
        self.body.as_ref().map_or(0, |body| body.rows)
    }

    /// Ends the file. Everything that there is to say about it.
    pub fn finish(mut self) -> Result<Report, ReadError> {
        self.records.finish()?;
        self.check_records()?;
        let body = self.body.unwrap_or_else(|| Body::new(Header::default(), &self.settings));
        Ok(body.report(&self.settings, self.records.lines_before_header()))
    }

    fn check_records(&mut self) -> Result<(), ReadError> {
        while let Some(record) = self.records.next_record()? {
            match &mut self.body {
                None => self.body = Some(Body::new(Header::read(record)?, &self.settings)),
                Some(body) => body.check(record, &self.settings),
            }
        }
        Ok(())
    }
}

/// What is known once the header has been read.
#[derive(Debug)]
struct Body {
    header: Header,
    columns: Columns,
    judge: Judge,
    width: usize,
    rows: usize,
    futures: Futures,
}

impl Body {
    fn new(header: Header, settings: &Settings) -> Self {
        let (channel, placeholders) = (settings.template.channel(), settings.template.placeholders());
        let is_used = |key: &str| placeholders.contains_key(key) || channel.recipient_keys().contains(&key);
        let columns = Columns::new(&header, channel, is_used);
        let has_duplicates = !header.duplicate_recipient_columns(channel).is_empty();
        let uses_extra_cells = placeholders.iter().any(|name| column_key(name) == "none");
        Self {
            judge: Judge::new(settings, &columns, has_duplicates),
            futures: Futures::new(&columns, uses_extra_cells),
            width: 0,
            rows: 0,
            header,
            columns,
        }
    }

    fn check(&mut self, record: &Record, settings: &Settings) {
        let index = self.rows;
        self.rows += 1;
        if record.width() > self.width {
            self.width = record.width();
            self.futures.reach(self.width);
        }
        for future in self.futures.iter_mut() {
            if index >= settings.max_rows {
                future.tally.pass_over_row(settings);
                continue;
            }
            let row = Row::read(&self.columns, settings.template.channel(), future.width, index, record);
            let (verdict, recipient) = self.judge.judge(&row, settings);
            future.tally.add(&row, &verdict, recipient, settings);
        }
    }

    fn report(self, settings: &Settings, lines_before_header: usize) -> Report {
        let channel = settings.template.channel();
        let layout = Layout::new(channel, &self.header, self.width, self.rows, lines_before_header);
        Report::new(layout, &self.header, settings, self.futures.settle())
    }
}
