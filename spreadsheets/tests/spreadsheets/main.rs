//! What holds for every input, and the recorded cases of `docs/spec/recipients.md` §8.

mod cases;
mod field_cases;
mod properties;
mod vectors;
