//! Settings that carry their own reference: what a field's comment says is what `pillarbox settings` prints.

use std::path::PathBuf;

/// A setting as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, the groups that it is in before it: `log.level`.
    pub path: String,
    /// The field's comment.
    pub about: String,
    /// What it is when nobody says; `None` where the comment says what follows then.
    pub default: Option<String>,
}

/// A group of settings.
pub trait Described {
    /// Its settings in the order in which they are written, each name after `prefix`.
    fn entries(prefix: &str) -> Vec<Entry>;
}

/// How a default is written.
pub trait Shown {
    /// The value as one would give it; `None` for what has no value.
    fn shown(&self) -> Option<String>;
}

macro_rules! shown_as_text {
    ($($Type:ty),*) => {
        $(impl Shown for $Type {
            fn shown(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}

shown_as_text!(String, u16, u32, u64, i64, usize, bool, app::TimeZone);

impl Shown for PathBuf {
    fn shown(&self) -> Option<String> {
        Some(self.display().to_string())
    }
}

/// Settings without a default are shown without one; a value is never given here, for it may be secret.
impl<T> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        None
    }
}

/// Declares a group of settings: a struct whose fields have a comment and a default, and the list of both.
macro_rules! described {
    (
        $(#[doc = $about:literal])+
        pub struct $Name:ident {
            $( $(#[doc = $doc:literal])+ pub $field:ident: $Type:ty = $default:expr, )*
        }
        $(groups { $( $(#[doc = $group_doc:literal])+ pub $group:ident: $Group:ty, )* })?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $Name {
            $( $(#[doc = $doc])+ pub $field: $Type, )*
            $($( $(#[doc = $group_doc])+ pub $group: $Group, )*)?
        }

        impl Default for $Name {
            fn default() -> Self {
                Self {
                    $( $field: $default, )*
                    $($( $group: <$Group>::default(), )*)?
                }
            }
        }

        impl $crate::settings::described::Described for $Name {
            fn entries(prefix: &str) -> Vec<$crate::settings::described::Entry> {
                let default = Self::default();
                let own = vec![
                    $($crate::settings::described::Entry {
                        path: format!("{prefix}{}", stringify!($field)),
                        about: [$($doc),+].map(str::trim).join(" "),
                        default: $crate::settings::described::Shown::shown(&default.$field),
                    },)*
                ];
                let groups: Vec<Vec<$crate::settings::described::Entry>> = vec![
                    $($(<$Group as $crate::settings::described::Described>::entries(
                        &format!("{prefix}{}.", stringify!($group)),
                    ),)*)?
                ];
                own.into_iter().chain(groups.into_iter().flatten()).collect()
            }
        }
    };
}

pub(crate) use described;
