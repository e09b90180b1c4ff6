#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| content_fuzz::text(input));
