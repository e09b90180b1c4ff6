//! Sanitising and formatting of texts: values from the public, lines, lists, names and sizes
//! (`docs/spec/public-api.md` §8.2, `docs/spec/templates.md` §11.2).

mod file_size;
mod lines;
mod lists;
mod public_text;
mod safe_names;

pub use file_size::format_file_size;
pub use lines::{
    add_prefix, add_trailing_newline, newlines_to_breaks, normalise_lines,
    normalise_multiple_newlines, prepend_subject, strip_all_whitespace, strip_leading_whitespace,
};
pub use lists::{FormattedList, MissingOverflowWord};
pub use public_text::{NotText, Sanitised, sanitise_content_for, sanitise_public_text};
pub use safe_names::{safe_email_local_part, safe_id};
