use crate::words::words;

words! {
    /// Where a task waits. Workers look at the lanes in this order, without starving any.
    Lane, "lane" {
        /// Templates marked so, login codes, the clock's own work.
        Priority = "priority",
        /// Messages of the API.
        Normal = "normal",
        /// Rows of jobs.
        Bulk = "bulk",
    }
}
