//! What holds for every input, whatever it is: see `recipients/tests/recipients/properties`.

mod spreadsheets;
mod workbooks;
