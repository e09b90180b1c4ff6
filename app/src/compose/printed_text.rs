//! What a letter template prints, before values are filled in.

use store::templates::Template;

/// Returns the sources of all texts of a letter, both languages and the contact block, without lines that become QR codes.
pub(crate) fn printed_text(template: &Template) -> String {
    let texts = [
        template.subject.as_deref(),
        Some(template.content.as_str()),
        template.letter_contact_block.as_deref(),
        template.welsh_subject.as_deref(),
        template.welsh_content.as_deref(),
    ];
    let lines = texts.into_iter().flatten().flat_map(str::lines);
    // A QR code is drawn, so it may contain characters that no font has.
    let printed = lines.filter(|line| !typesetting::is_qr_code(line));
    printed.collect::<Vec<_>>().join("\n")
}
