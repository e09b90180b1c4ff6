//! What holds for every input, and the recorded cases of `docs/spec/recipients.md`.

mod properties;
mod vectors;
