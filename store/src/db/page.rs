use std::ops::ControlFlow;

use super::{Arg, Row, Session, args::Sql};
use crate::Error;

/// The most bytes that [`Session::fetch_page`] returns, beyond its first row: five hundred of the largest e-mails would take
/// two gigabytes.
const MAX_PAGE_BYTES: usize = 4 << 20;

impl Session {
    /// Returns the first rows of a query, as many as fit into a page, and at least one if there is any. `parse` returns a
    /// row with its size in bytes.
    pub(crate) async fn fetch_page<T: Send>(
        &mut self,
        sql: impl Into<Sql>,
        args: Vec<Arg>,
        parse: impl Fn(&Row) -> Result<(T, usize), Error> + Send + Sync,
    ) -> Result<Vec<T>, Error> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        let take = |row| {
            let (parsed, size) = parse(&row)?;
            bytes += size;
            if bytes > MAX_PAGE_BYTES && !page.is_empty() {
                return Ok(ControlFlow::Break(()));
            }
            page.push(parsed);
            Ok(ControlFlow::Continue(()))
        };
        self.fetch_until(sql, args, take).await?;
        Ok(page)
    }
}
