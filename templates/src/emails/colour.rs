//! Colours of brands.

use std::fmt;

/// A colour in the form `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let channel = |place: usize| u8::from_str_radix(&digits[place..place + 2], 16).ok();
        Some(Self {
            red: channel(0)?,
            green: channel(2)?,
            blue: channel(4)?,
        })
    }

    /// Returns black or white, whichever has the greater contrast by the Web Content Accessibility Guidelines.
    pub(super) fn readable_on_it(self) -> &'static str {
        // Above this luminance black has the greater contrast.
        const BALANCE: f64 = 0.179;
        if self.luminance() > BALANCE {
            "#0b0c0c"
        } else {
            "#ffffff"
        }
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.040_45 {
                channel / 12.92
            } else {
                ((channel + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { red, green, blue } = self;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_hexadecimal_digits_are_a_colour() {
        let colour = Colour::parse("#1D70b8").expect("a colour");
        assert_eq!(colour.to_string(), "#1d70b8");
        for text in ["1d70b8", "#1d7", "#1d70b8;", "#+d70b8", "#é70b8", "red", ""] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
