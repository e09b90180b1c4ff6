//! Formatting of file sizes (`docs/spec/templates.md` §11.2).

/// Formats a size in KB or MB with at most one decimal.
pub fn format_file_size(size_bytes: u64) -> String {
    // 51.2 and 52,428.8 bytes: a twentieth of a kilobyte and of a megabyte, where rounding starts to give 0.1.
    match size_bytes {
        0..=51 => "0.1KB".to_owned(),
        52..=52_428 => format!("{}KB", shortened(size_bytes, 1024.0)),
        _ => format!("{}MB", shortened(size_bytes, 1_048_576.0)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn shortened(size_bytes: u64, unit_bytes: f64) -> String {
    let shown = format!("{:.1}", size_bytes as f64 / unit_bytes);
    // Zeros before the point go too: ten kilobytes are shown as `1KB`. The contract requires this.
    shown.trim_end_matches(['.', '0']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_one_decimal_and_loses_its_zeros() {
        for (size_bytes, shown) in [
            (0, "0.1KB"),
            (51, "0.1KB"),
            (52, "0.1KB"),
            (1280, "1.2KB"),
            (1792, "1.8KB"),
            (2048, "2KB"),
            (10_240, "1KB"),
            (52_428, "51.2KB"),
            (52_429, "0.1MB"),
            (1_572_864, "1.5MB"),
            (1_073_741_824, "1024MB"),
        ] {
            assert_eq!(format_file_size(size_bytes), shown);
        }
    }
}
