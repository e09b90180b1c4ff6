//! Rewrites a spreadsheet without one recipient. Rows keep their numbers: an overwritten row stays, with a text in
//! place of the recipient that no message can be sent to.

use files::Key;
use spreadsheets::{Layout, Record, Records};
use templates::placeholders::NameSet;
use uuid::Uuid;

use super::Recipient;
use crate::{
    App, OpenError, RewriteLock, RewriteLockError,
    sealing::sealed_files::{Opener, Sealer},
};

/// What replaces the recipient.
const ERASED: &str = "(erased)";

/// Where a file is stored, which service owns it, and how its rows are read.
pub(super) struct SheetFile {
    pub(super) key: Key,
    pub(super) owner: Uuid,
    pub(super) layout: String,
}

/// Counts the rows of a file that contain the recipient.
pub(super) async fn count(
    app: &App,
    file: &SheetFile,
    recipient: &Recipient,
) -> Result<u64, OpenError> {
    let mut found = 0;
    walk(app, file, async |index, record, layout| {
        let is_theirs = index.is_some_and(|index| is_of(layout, index, record, recipient));
        found += u64::from(is_theirs);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// Why a file cannot be rewritten.
#[derive(Debug, thiserror::Error)]
pub(super) enum OverwriteError {
    #[error(transparent)]
    File(#[from] OpenError),
    #[error(transparent)]
    Rewriting(#[from] RewriteLockError),
}

/// Rewrites a file with every row of the recipient overwritten. The replacement is atomic; a reader of the old file
/// reads it to its end.
pub(super) async fn overwrite(
    app: &App,
    file: &SheetFile,
    recipient: &Recipient,
    lock: &RewriteLock,
) -> Result<(), OverwriteError> {
    let upload = app
        .files
        .create_exclusive(&file.key)
        .await
        .map_err(OpenError::from)?;
    let mut sealer = Sealer::new(upload, app.store.keyring().clone(), file.owner);
    let written = write_all(app, file, recipient, &mut sealer).await;
    match written {
        Ok(()) => {
            if lock.finish(sealer).await.map_err(OpenError::from)? {
                Ok(())
            } else {
                Err(RewriteLockError::Lost.into())
            }
        }
        Err(error) => {
            sealer.abort().await;
            Err(error.into())
        }
    }
}

async fn write_all(
    app: &App,
    file: &SheetFile,
    recipient: &Recipient,
    sealer: &mut Sealer,
) -> Result<(), OpenError> {
    let mut line = String::new();
    walk(app, file, async |index, record, layout| {
        line.clear();
        match index {
            Some(index) if is_of(layout, index, record, recipient) => {
                write_erased(&mut line, record, recipient);
            }
            _ => write_row(&mut line, record.fields()),
        }
        sealer.write(line.as_bytes()).await?;
        Ok(())
    })
    .await
}

/// Calls `each` with every record, and with its number if it is a row; the header has none.
async fn walk(
    app: &App,
    file: &SheetFile,
    mut each: impl AsyncFnMut(Option<usize>, &Record, &Layout) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let mut reader = Reader::open(app, file).await?;
    let mut index = None;
    while reader.fill().await? {
        while let Some(record) = reader
            .records
            .next_record()
            .map_err(|_| OpenError::Damaged)?
        {
            each(index, record, &reader.layout).await?;
            index = Some(index.map_or(0, |number| number + 1));
        }
    }
    Ok(())
}

struct Reader<S> {
    file: Opener<S>,
    records: Records,
    layout: Layout,
    ended: bool,
}

impl Reader<()> {
    async fn open(
        app: &App,
        file: &SheetFile,
    ) -> Result<
        Reader<
            impl futures::Stream<Item = Result<bytes::Bytes, files::Error>> + Send + Unpin + use<>,
        >,
        OpenError,
    > {
        let layout: Layout = serde_json::from_str(&file.layout).map_err(|_| OpenError::Damaged)?;
        let source = app.files.read(&file.key).await?;
        Ok(Reader {
            file: Opener::new(source, app.store.keyring().clone(), file.owner),
            records: Records::new(),
            // Only the recipient's columns are needed.
            layout: layout.only_for(&NameSet::new()),
            ended: false,
        })
    }
}

impl<S: futures::Stream<Item = Result<bytes::Bytes, files::Error>> + Unpin> Reader<S> {
    /// Reads the next piece. Returns false at the end.
    async fn fill(&mut self) -> Result<bool, OpenError> {
        if self.ended {
            return Ok(false);
        }
        let read = if let Some(piece) = self.file.next().await? {
            self.records.push(&piece)
        } else {
            self.ended = true;
            self.records.finish()
        };
        read.map_err(|_| OpenError::Damaged)?;
        Ok(true)
    }
}

fn is_of(layout: &Layout, index: usize, record: &Record, recipient: &Recipient) -> bool {
    layout
        .row(index, record)
        .recipient()
        .is_some_and(|found| recipient.is(found))
}

/// Writes a row with every cell empty but the recipient's, which gets the replacement.
fn write_erased(line: &mut String, record: &Record, recipient: &Recipient) {
    let is_recipient = |cell: &str| recipient.is(cell.trim());
    // The recipient may stand in a cell with spaces around it, which the comparison of whole cells does not find.
    let nowhere = !record.fields().any(is_recipient);
    let cells = record.fields().enumerate().map(|(position, cell)| {
        if is_recipient(cell) || (nowhere && position == 0) {
            ERASED
        } else {
            // The other cells may say who it was.
            ""
        }
    });
    write_row(line, cells);
}

/// Writes a row with every cell in quotes.
fn write_row<'cell>(line: &mut String, cells: impl Iterator<Item = &'cell str>) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            line.push(',');
        }
        // In quotes, so that nothing at the end of the file looks like what the reader trims.
        line.push('"');
        for character in cell.chars() {
            if character == '"' {
                line.push('"');
            }
            line.push(character);
        }
        line.push('"');
    }
    line.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Vec<String>> {
        let mut records = Records::new();
        records.push(text.as_bytes()).unwrap();
        records.finish().unwrap();
        let mut all = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            all.push(record.fields().map(str::to_owned).collect());
        }
        all
    }

    #[test]
    fn what_is_written_anew_reads_as_before() {
        for text in [
            "phone number,name\n07700900123,Ada\n\n,,\n07700900124,\"a \"\"b\"\",\n c\"\n",
            "a\n\" x \"\n\"\"\n",
            "a,b,\n1,2\n,\u{e9} \n3",
        ] {
            let before = read(text);
            let mut again = String::new();
            for record in &before {
                write_row(&mut again, record.iter().map(String::as_str));
            }
            assert_eq!(read(&again), before, "{text:?}");
        }
    }

    #[test]
    fn an_erased_row_stays_a_row_at_the_end_too() {
        let recipient = Recipient::parse("07700900123").unwrap();
        let record: Record = ["Ada", "07700 900123", "x"].into_iter().collect();
        let mut line = String::new();
        write_erased(&mut line, &record, &recipient);
        assert_eq!(line, "\"\",\"(erased)\",\"\"\n");
        assert_eq!(read(&format!("a,phone number,c\n{line}")).len(), 2);
    }
}
