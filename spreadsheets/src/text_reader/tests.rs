use super::*;

const HEADER: &str = "email address,name\nana@example.com,";

fn read_with(
    bytes: &[u8],
    at_once: usize,
    encoding: Option<&str>,
    template: Option<&Template>,
) -> Result<(String, Vec<String>), ReadError> {
    let encoding = encoding.map(|name| TextEncoding::named(name).expect("an encoding"));
    let mut reader = TextReader::new(bytes, Separator::Comma, encoding, template);
    let mut csv = Vec::new();
    for piece in bytes.chunks(at_once.max(1)) {
        csv.extend(reader.push(piece)?);
    }
    let (rest, notes) = reader.finish()?;
    csv.extend(rest);
    Ok((String::from_utf8(csv).expect("UTF-8"), notes.warnings))
}

fn read(bytes: &[u8]) -> Result<(String, Vec<String>), ReadError> {
    read_with(bytes, bytes.len(), None, None)
}

fn error(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// A file with this name in it, in an encoding.
fn file(name: &str, encoding: &'static encoding_rs::Encoding) -> Vec<u8> {
    let (bytes, _, is_lossy) = encoding.encode(name);
    assert!(!is_lossy, "{name}");
    [HEADER.as_bytes(), &bytes, b"\nbo@example.com,Bo\n"].concat()
}

#[test]
fn utf_8_stays_as_it_is_wherever_it_is_cut() {
    let text = "\u{FEFF}name\nZoë, Łucja, 李\n🥴";
    for at_once in 1..=text.len() {
        let read = read_with(text.as_bytes(), at_once, None, None).unwrap();
        assert_eq!(read, (text.to_owned(), Vec::new()), "{at_once}");
    }
}

#[test]
fn windows_1252_is_read_with_a_sample_wherever_it_is_cut() {
    let bytes = b"name,sum\nZo\xeb,\x80 5\n\x93Ren\xe9e\x94,O\x92Neil";
    for at_once in 1..=bytes.len() {
        let (csv, warnings) = read_with(bytes, at_once, None, None).unwrap();
        assert_eq!(csv, "name,sum\nZoë,€ 5\n“Renée”,O’Neil", "{at_once}");
        let warning = "the file is not UTF-8 and was read as Windows-1252: “Zoë”, “€ 5”, ";
        assert!(warnings[0].starts_with(warning), "{warnings:?}");
    }
}

#[test]
fn names_that_are_plausible_in_windows_1252_are_read() {
    for name in [
        "£5",
        "Siân Prys",
        "Müller",
        "O’Neil – “ok”",
        "Jørgen Åse",
        "Zoë ANDRÉ’S",
        "20°",
        "½ day",
        "Muñoz",
        "Garçon",
        "Ana – Friday",
        "• one",
        "École",
    ] {
        let (csv, _) = read(&file(name, encoding_rs::WINDOWS_1252)).unwrap();
        assert!(csv.contains(name), "{name}: {csv}");
    }
}

#[test]
fn other_encodings_are_asked_about() {
    for (name, encoding, guess) in [
        ("Zoë Müller", encoding_rs::MACINTOSH, "Mac Roman"),
        ("Renée", encoding_rs::MACINTOSH, "Mac Roman"),
        ("Łucja Żółć", encoding_rs::WINDOWS_1250, "Windows-1250"),
        ("Dvořák", encoding_rs::WINDOWS_1250, "Windows-1250"),
        ("Иван Петров", encoding_rs::WINDOWS_1251, "Windows-1251"),
        ("Анна", encoding_rs::WINDOWS_1251, "Windows-1251"),
        ("山田太郎", encoding_rs::SHIFT_JIS, "Shift-JIS"),
        ("Γιώργος", encoding_rs::WINDOWS_1253, "Windows-1253"),
    ] {
        let error = error(&file(name, encoding));
        let sentence = format!(
            "Line 2: there are characters that are not UTF-8 but may be {guess}: “{name}”."
        );
        assert!(error.starts_with(&sentence), "{name}: {error}");
    }
    // The encoding of DOS, in which Excel can save too.
    let error = error(b"name\nRen\x82e\nSi\x83n\n");
    assert!(error.contains("neither UTF-8 nor Windows-1252"), "{error}");
}

#[test]
fn utf_8_mixed_with_another_encoding_is_refused_with_its_line() {
    for (bytes, line) in [
        (&b"name\nRen\xe9e\nZo\xc3\xab\n"[..], 2),
        (b"name\nZo\xc3\xab\nRen\xe9e\n", 3),
        (b"name\nAna\nRen\xe9e\nO\xe2\x80\x99Neil\n", 3),
        (b"name\nRen\xe9e Zo\xc3\xab\n", 2),
        (b"name\nZo\xc3", 2),
    ] {
        for at_once in 1..=bytes.len() {
            let error = read_with(bytes, at_once, None, None).map(|_| ()).err();
            let found = error.as_ref().and_then(ReadError::line);
            let is_cut_off = bytes.ends_with(b"\xc3");
            assert!(
                found == Some(line) || is_cut_off,
                "{bytes:?} {at_once}: {error:?}"
            );
        }
    }
}

#[test]
fn an_encoding_that_is_named_is_used() {
    for (name, encoding, label) in [
        ("Zoë Müller", encoding_rs::MACINTOSH, "mac roman"),
        ("Łucja Żółć", encoding_rs::WINDOWS_1250, "1250"),
        ("Иван", encoding_rs::WINDOWS_1251, "windows-1251"),
        ("山田太郎", encoding_rs::SHIFT_JIS, "Shift-JIS"),
    ] {
        let bytes = file(name, encoding);
        for at_once in [1, 2, 7, bytes.len()] {
            let (csv, warnings) = read_with(&bytes, at_once, Some(label), None).unwrap();
            assert!(csv.contains(name), "{name}: {csv}");
            assert!(
                warnings[0].ends_with(&format!(": “{name}”")),
                "{warnings:?}"
            );
        }
    }
    let error = read_with(b"a\nb\n\x81\x20", 2, Some("shift_jis"), None).unwrap_err();
    assert_eq!(error.line(), Some(3));
    let error = read_with(b"a\nRen\xe9e\n", 2, Some("utf-8"), None).unwrap_err();
    assert_eq!(error.line(), Some(2));
}

#[test]
fn utf_16_is_known_by_its_mark_or_its_nul_bytes() {
    let text = "email address,name\nana@example.com,Zoë Łuć\n";
    let marked = format!("\u{FEFF}{text}");
    let little: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [&little, &big, &little[2..].to_vec(), &big[2..].to_vec()] {
        assert!(encodings::is_text(bytes));
        assert_eq!(
            read_with(bytes, 3, None, None).unwrap(),
            (text.to_owned(), Vec::new())
        );
    }
}

#[test]
fn nul_is_left_out() {
    let (csv, warnings) = read(b"name\nZo\0e\n").unwrap();
    assert_eq!(csv, "name\nZoe\n");
    assert_eq!(warnings, ["1 NUL character was left out"]);
}

fn greeting() -> Template {
    Template::email("Hello ((name))", "Ref ((ref))")
}

#[test]
fn other_separators_are_read_where_the_header_then_fits() {
    let csv = "email address,name,ref\nana@example.com,\"Smith, Zoë\",A1\n";
    let dialects = [(";", "semicolons"), ("|", "vertical bars"), ("\t", "")];
    for (separator, plural) in dialects {
        let text =
            "email address;name;ref\r\nana@example.com;Smith, Zoë;A1\r\n".replace(';', separator);
        for at_once in [1, 5, text.len()] {
            let (read, warnings) =
                read_with(text.as_bytes(), at_once, None, Some(&greeting())).unwrap();
            assert_eq!(read, csv);
            assert_eq!(warnings.is_empty(), plural.is_empty());
            assert!(warnings.concat().contains(plural), "{warnings:?}");
        }
    }
}

#[test]
fn the_usual_separator_stays_if_it_fits_or_nothing_does() {
    for text in [
        "email address,name;x,ref\na@b.example,\"x;y\",1\n",
        "a;b;c\n1;2;3\n",
        "email address\n",
    ] {
        assert_eq!(
            read_with(text.as_bytes(), 9, None, Some(&greeting()))
                .unwrap()
                .0,
            text
        );
    }
}

#[test]
fn a_line_that_names_the_separator_is_no_row() {
    for (text, csv) in [
        (
            "sep=;\r\nemail address;name\na@b.example;\"x;\"\"y\"\"\"\n",
            "email address,name\na@b.example,\"x;\"\"y\"\"\"\n",
        ),
        ("\u{FEFF}\"sep=|\"\na|b\n", "a,b\n"),
        ("sep=,\na,b;c\n", "a,b;c\n"),
        ("SEP=;;;\na;b\n", "a,b\n"),
    ] {
        for at_once in [1, 4, text.len()] {
            assert_eq!(
                read_with(text.as_bytes(), at_once, None, None).unwrap().0,
                csv,
                "{text}"
            );
        }
    }
    let plain = "sep=x,name\n1,2\n";
    assert_eq!(read(plain.as_bytes()).unwrap().0, plain);
}

#[test]
fn the_separator_is_found_below_a_title_and_for_most_of_a_header() {
    let titled = "Bin days;;\n;;\nemail address;name;ref\na@b.example;x;y\n";
    let (csv, _) = read_with(titled.as_bytes(), 9, None, Some(&greeting())).unwrap();
    assert!(csv.contains("\nemail address,name,ref\n"), "{csv}");
    let (csv, _) = read_with(b"email;name;ref\n", 9, None, Some(&greeting())).unwrap();
    assert_eq!(csv, "email,name,ref\n");
}

#[test]
fn quotes_of_other_dialects_are_refused_with_their_line() {
    for (text, line, problem) in [
        ("sep=;\na;b\n1;\"2\n3;4\n", 3, "left open"),
        ("sep=;\na;b\n1;\"2 \\\"x\\\" \"\n", 3, "backslash"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(error.line(), Some(line));
    }
}

#[test]
fn a_carriage_return_ends_a_line_between_tabs() {
    let read = read_whole(b"a\tb\r1\t2\r", Separator::Tab).unwrap().0;
    assert_eq!(String::from_utf8(read).unwrap(), "a,b\n1,2");
}
