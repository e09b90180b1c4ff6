#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pillarbox_fuzz::growth::time_grows_with_length(input));
