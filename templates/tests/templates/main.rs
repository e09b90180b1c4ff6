//! What holds for every input, and the recorded cases of `docs/spec/templates.md`.

mod properties;
mod vectors;
