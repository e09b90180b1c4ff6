//! Enums with a fixed text for each variant. The text is stored in the database and part of the API, so it must
//! never change.

/// A text that is not one of the words of an enum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {set}")]
pub struct UnknownWord {
    /// Name of the enum in messages.
    pub set: &'static str,
    /// The rejected text.
    pub word: String,
}

/// Defines an enum with a fixed text for each variant. The text after the enum's name is what error messages call it.
///
/// Why not `strum`: `docs/decisions/own-formats.md`.
macro_rules! string_enum {
    ($(#[$meta:meta])* pub enum $name:ident: $set:literal { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All variants, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the text that is stored, sent and shown.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                // `pad` rather than `write_str`, so that column widths in command output work.
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($text => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWord { set: $set, word: word.to_owned() }),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Borrows where the format can: reading a long list allocates nothing.
                let word = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use string_enum;
