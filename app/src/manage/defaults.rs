//! The rule for defaults. Text message senders, reply-to addresses and contact blocks each have one default per
//! service, which is used where a request names none. The store clears the previous default when another is written.

use super::AdminError;

/// Decides whether a new item becomes the default. The first one does, unless the request says otherwise, which is
/// rejected with `required`.
pub(super) fn for_new(
    has_default: bool,
    requested: Option<bool>,
    required: &'static str,
) -> Result<bool, AdminError> {
    match requested {
        // Without any default, requests that name no sender could not be sent.
        Some(false) if !has_default => Err(AdminError::rejected(required)),
        Some(requested) => Ok(requested),
        None => Ok(!has_default),
    }
}

/// Decides whether a changed item is the default. The default only ends when another item becomes it, so a request to
/// clear it is rejected with `required`.
pub(super) fn for_change(
    is_default: bool,
    requested: Option<bool>,
    required: &'static str,
) -> Result<bool, AdminError> {
    match requested {
        Some(false) if is_default => Err(AdminError::rejected(required)),
        _ => Ok(requested.unwrap_or(is_default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_item_becomes_the_default() {
        assert!(for_new(false, None, "").unwrap());
        assert!(for_new(false, Some(true), "").unwrap());
        assert!(for_new(false, Some(false), "").is_err());
    }

    #[test]
    fn a_further_item_becomes_the_default_only_on_request() {
        assert!(!for_new(true, None, "").unwrap());
        assert!(!for_new(true, Some(false), "").unwrap());
        assert!(for_new(true, Some(true), "").unwrap());
    }

    #[test]
    fn the_default_cannot_be_cleared() {
        assert!(for_change(true, Some(false), "").is_err());
        assert!(for_change(true, None, "").unwrap());
        assert!(for_change(false, Some(true), "").unwrap());
        assert!(!for_change(false, Some(false), "").unwrap());
        assert!(!for_change(false, None, "").unwrap());
    }
}
