#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pillarbox_fuzz::request_body(input));
