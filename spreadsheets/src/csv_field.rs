/// Appends a cell to CSV, in quotation marks if it would be read otherwise without them.
pub(super) fn push_field(csv: &mut Vec<u8>, text: &str) {
    if !needs_quotes(text) {
        csv.extend_from_slice(text.as_bytes());
        return;
    }
    csv.push(b'"');
    csv.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    csv.push(b'"');
}

fn needs_quotes(text: &str) -> bool {
    // The parser ignores spaces before a field that has no quotes.
    text.starts_with(' ')
        || text
            .bytes()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}
