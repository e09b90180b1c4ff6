//! The child's side.

use std::io::{self, Read as _, Write as _};

use super::FileKind;

/// Confines this process, reads a file of the kind from standard input and writes the answer to standard output. Returns
/// the exit code.
pub fn read_in_this_process(kind: &str) -> u8 {
    let Some(kind) = FileKind::find(kind) else {
        return sandbox::UNCONFINED_EXIT_CODE;
    };
    // Before a byte of the file is read.
    if sandbox::confine(&kind.limits).is_err() {
        return sandbox::UNCONFINED_EXIT_CODE;
    }
    // Standard error goes nowhere, and a message could quote the file.
    std::panic::set_hook(Box::new(|_| {}));
    u8::from(answer(kind).is_err())
}

fn answer(kind: &FileKind) -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let (name, file) = split(&input)?;
    let mut output = io::stdout().lock();
    (kind.read)(&name, file, &mut output)?;
    output.flush()
}

/// Returns what stands before a file on the child's standard input: its name as JSON, on a line.
pub(super) fn head(file_name: &str) -> Vec<u8> {
    let mut line = serde_json::to_vec(file_name).expect("a text is writable as JSON");
    line.push(b'\n');
    line
}

fn split(input: &[u8]) -> io::Result<(String, &[u8])> {
    let end = memchr::memchr(b'\n', input).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((serde_json::from_slice(&input[..end])?, &input[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let mut input = head("a\n\"b\".xlsx");
        input.extend_from_slice(b"x\ny");
        let (name, file) = split(&input).unwrap();
        assert_eq!((name.as_str(), file), ("a\n\"b\".xlsx", &b"x\ny"[..]));
    }
}
