#![no_main]

libfuzzer_sys::fuzz_target!(
    init: pillarbox_fuzz::allow_caught_panics(),
    |input: &[u8]| pillarbox_fuzz::pdf(input)
);
