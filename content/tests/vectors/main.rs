//! The vector files: cases with answers, each compared whole.
