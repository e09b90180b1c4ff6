//! Whatever is uploaded becomes text that can be read, or is refused with a sentence (`spreadsheets::to_csv`).

use pillarbox_spreadsheets::{Kind, ReadError, Records, to_csv};

/// Turns any bytes into CSV. What comes of it is UTF-8, and what was no CSV before can be read.
pub(crate) fn promises_hold(file: &[u8], name: &str) {
    let csv = match to_csv(file, name) {
        Ok(csv) => csv,
        Err(error) => {
            let sentence = error.to_string();
            assert!(sentence.ends_with('.'), "{sentence:?} is no sentence");
            return;
        }
    };
    let text = std::str::from_utf8(&csv).expect("what was turned into CSV is UTF-8");
    let read = count_records(text);
    if Kind::of(file, name) != Kind::Csv {
        read.expect("what was written by us can be read by us");
    }
}

fn count_records(csv: &str) -> Result<usize, ReadError> {
    let mut records = Records::new();
    records.push(csv.as_bytes())?;
    records.finish()?;
    let mut count = 0;
    while records.next_record()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_uploaded_is_text_or_refused(
            file in r"(a|\t|,|\x22|\n|\r|=|é|\u{FEFF}){0,30}",
            name in r"people\.(csv|tsv|txt|xlsx)",
            is_wide: bool,
        ) {
            super::promises_hold(file.as_bytes(), &name);
            if is_wide {
                let wide: Vec<u8> = std::iter::once(0xFEFF).chain(file.encode_utf16()).flat_map(u16::to_le_bytes).collect();
                super::promises_hold(&wide, &name);
            }
        }
    }
}
