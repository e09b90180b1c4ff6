use crate::words::string_enum;

string_enum! {
    /// Priority class of a task. Workers try the lanes in the order given here, but no lane can starve another.
    pub enum Lane: "lane" {
        /// Templates marked as priority, sign-in codes and scheduled tasks.
        Priority = "priority",
        /// Notifications sent through the API.
        Normal = "normal",
        /// Rows of jobs.
        Bulk = "bulk",
    }
}
