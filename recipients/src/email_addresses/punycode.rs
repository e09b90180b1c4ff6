//! Punycode (RFC 3492): how a label in other letters is written in ASCII.

const BASE: u32 = 36;
const LEAST_THRESHOLD: u32 = 1;
const MOST_THRESHOLD: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_NON_ASCII: u32 = 0x80;

/// A label of at most 63 characters in Punycode, without its prefix; nothing if it would be far longer than that.
pub(super) fn encode(label: &str) -> Option<String> {
    // Each character needs one of ASCII at least, and longer labels would take time with the square of their length.
    if label.chars().nth(63).is_some() {
        return None;
    }
    let mut encoded: String = label.chars().filter(char::is_ascii).collect();
    let ascii_count = u32::try_from(encoded.len()).ok()?;
    let mut done = ascii_count;
    if ascii_count > 0 {
        encoded.push('-');
    }

    let (mut least, mut delta, mut bias) = (FIRST_NON_ASCII, 0, FIRST_BIAS);
    let code_points = || label.chars().map(u32::from);
    while let Some(next) = code_points()
        .filter(|&code_point| code_point >= least)
        .min()
    {
        // At most 63 characters below U+110000: nothing here comes near the bounds of a u32.
        delta += (next - least) * (done + 1);
        for code_point in code_points() {
            if code_point < next {
                delta += 1;
            } else if code_point == next {
                push_number(&mut encoded, delta, bias);
                bias = adapted(delta, done + 1, done == ascii_count);
                delta = 0;
                done += 1;
            }
        }
        delta += 1;
        least = next + 1;
    }
    Some(encoded)
}

/// Writes a number in digits whose worth depends on the bias, the least first.
fn push_number(encoded: &mut String, mut number: u32, bias: u32) {
    for place in (BASE..).step_by(BASE as usize) {
        let threshold = place
            .saturating_sub(bias)
            .clamp(LEAST_THRESHOLD, MOST_THRESHOLD);
        if number < threshold {
            break;
        }
        let span = BASE - threshold;
        encoded.push(digit(threshold + (number - threshold) % span));
        number = (number - threshold) / span;
    }
    encoded.push(digit(number));
}

fn adapted(delta: u32, count: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / count;
    let mut bias = 0;
    while delta > (BASE - LEAST_THRESHOLD) * MOST_THRESHOLD / 2 {
        delta /= BASE - LEAST_THRESHOLD;
        bias += BASE;
    }
    bias + (BASE - LEAST_THRESHOLD + 1) * delta / (delta + SKEW)
}

/// The letters stand for 0 to 25, the digits for what is left.
fn digit(value: u32) -> char {
    let value = u8::try_from(value).expect("a digit is less than the base");
    char::from(if value < 26 {
        b'a' + value
    } else {
        b'0' + value - 26
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_in_ascii() {
        for (label, encoded) in [
            ("b\u{fc}cher", "bcher-kva"),
            (
                "\u{4ed6}\u{4eec}\u{4e3a}\u{4ec0}\u{4e48}\u{4e0d}\u{8bf4}\u{4e2d}\u{6587}",
                "ihqwcrb4cv8a8dqg056pqjye",
            ),
            (
                "3\u{5e74}b\u{7d44}\u{91d1}\u{516b}\u{5148}\u{751f}",
                "3b-ww4c5e180e575a65lsy2b",
            ),
            ("\u{10FFFF}", "dn32g"),
        ] {
            assert_eq!(encode(label).as_deref(), Some(encoded), "{label}");
        }
    }

    #[test]
    fn a_label_that_would_be_too_long_is_given_up_at_once() {
        assert_eq!(encode(&"\u{10FFFF}".repeat(100_000)), None);
        assert!(encode(&"\u{10FFFF}a".repeat(31)).is_some());
    }
}
