//! What holds for every input, whatever it is: see `recipients/tests/recipients/properties`.

mod html;
mod markdown;
mod placeholders;
mod text_messages;
