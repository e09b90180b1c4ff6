//! Settings that are refused at the start.

use std::path::Path;

use pillarbox_providers::ProviderSettings;

/// Asserts that a setting is refused because it promises receipts that could not be read, and that the error names the
/// setting that is missing.
pub(crate) fn assert_promises_too_much<P: ?Sized>(
    settings: &impl ProviderSettings<P>,
    setting: &str,
    provider: &str,
    missing: &str,
) {
    let refused = settings.build(Path::new("/nowhere")).err().unwrap();
    let refused = refused.to_string();
    assert!(
        refused.contains(&format!(
            "the setting {setting} of provider {provider} is wrong"
        )) && refused.contains(missing),
        "{refused}"
    );
}
