#![no_main]

libfuzzer_sys::fuzz_target!(|input: &str| pillarbox_fuzz::address(input));
