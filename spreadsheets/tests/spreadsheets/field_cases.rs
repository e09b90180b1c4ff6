//! Files made after faults that people reported, and what the check says about each. Text goes the way of an upload: reader,
//! then checker.

use pillarbox_spreadsheets::{
    Checker, Kind, Report, Separator, Settings, Template, TextEncoding, TextReader,
};

/// What a check is to say; the texts are parts of its sentences.
enum Expected {
    /// Nothing is wrong, and there is nothing to say.
    Clean,
    /// Nothing is wrong, and this is said.
    Warned(&'static str),
    /// The file has an error or lacks columns, and this is said in the errors or warnings.
    Invalid(&'static str),
    /// The file cannot be read, for this reason.
    Refused(&'static str),
}

use Expected::{Clean, Invalid, Refused, Warned};

fn email() -> Template {
    Template::email("Hello ((name))", "Dear ((name)),\n\nYour ref is [((ref))].")
}

fn text_message() -> Template {
    Template::text_message("Hi ((name)), bins go out Friday.", None)
}

/// Checks a text in pieces, as an upload does.
fn check(
    name: &str,
    bytes: &[u8],
    template: Template,
    encoding: Option<&str>,
) -> Result<Report, String> {
    let settings = Settings {
        tidies_headers: true,
        ..Settings::new(template)
    };
    let usual = match Kind::of(bytes, name) {
        Kind::Csv => Separator::Comma,
        Kind::Tsv => Separator::Tab,
        other => return Err(format!("{other:?}")),
    };
    let encoding = encoding.map(|name| TextEncoding::named(name).expect("an encoding"));
    let mut reader = TextReader::new(bytes, usual, encoding, Some(&settings.template));
    let mut checker = Checker::new(settings);
    let check = || {
        checker.skip_lines(reader.skipped_lines());
        for piece in bytes.chunks(7) {
            checker.push(&reader.push(piece)?)?;
        }
        let (rest, notes) = reader.finish()?;
        checker.push(&rest)?;
        checker.note(notes);
        checker.finish()
    };
    check().map_err(|error| error.to_string())
}

fn assert_said(name: &str, result: &Result<Report, String>, expected: &Expected) {
    let said = match result {
        Ok(report) => [
            &report.file_problems[..],
            &report.warnings,
            &report.missing_column_headers,
        ]
        .concat(),
        Err(error) => vec![error.clone()],
    };
    let is_valid = result.as_ref().map(Report::is_valid);
    let contains = |part: &str| said.iter().any(|sentence| sentence.contains(part));
    let is_as_expected = match expected {
        Clean => is_valid == Ok(true) && said.is_empty(),
        Warned(part) => is_valid == Ok(true) && contains(part),
        Invalid(part) => is_valid == Ok(false) && contains(part),
        Refused(part) => is_valid.is_err() && contains(part),
    };
    assert!(is_as_expected, "{name}: valid {is_valid:?}, said {said:#?}");
}

#[test]
fn emails() {
    const HEADER: &str = "email address,name,ref";
    let rows = |rows: &str| format!("{HEADER}\n{rows}\n").into_bytes();
    let cases: &[(&str, Vec<u8>, Expected)] = &[
        ("plain.csv", rows("ana@example.com,Zoë,A1"), Clean),
        (
            "case.csv",
            b"EMAIL ADDRESS,Name,REF\na@example.com,Ana,1\n".to_vec(),
            Clean,
        ),
        // Separators.
        (
            "semicolons.csv",
            b"email address;name;ref\na@example.com;Ana;1\n".to_vec(),
            Warned("semicolons"),
        ),
        (
            "bars.txt",
            b"email address|name|ref\na@example.com|Ana|1\n".to_vec(),
            Warned("vertical bars"),
        ),
        (
            "tabs.csv",
            b"email address\tname\tref\na@example.com\tAna\t1\n".to_vec(),
            Clean,
        ),
        (
            "sep.csv",
            b"sep=;\nemail address;name;ref\na@example.com;Ana;1\n".to_vec(),
            Warned("semicolons"),
        ),
        (
            "colons.csv",
            b"email address:name:ref\na@example.com:Ana:1\n".to_vec(),
            Invalid("may be separated by “:”"),
        ),
        (
            "long-semicolons.csv",
            b"email address;name;ref\na@example.com;Smith; Jo;1\n".to_vec(),
            Invalid("row 2 has more cells"),
        ),
        // Headers.
        (
            "title.csv",
            b"Bin days,,\n,,\nemail address,name,ref\na@example.com,Ana,1\n".to_vec(),
            Invalid("“Bin days”"),
        ),
        (
            "title2.csv",
            b"Bin days;;\nemail address;name;ref\na@example.com;Ana;1\n".to_vec(),
            Invalid("in row 2: delete the rows above"),
        ),
        (
            "no-header.csv",
            b"a@example.com,Ana,1\nb@example.com,Bo,2\n".to_vec(),
            Invalid("the first row holds a recipient"),
        ),
        (
            "other-name.csv",
            b"email,name,ref\na@example.com,Ana,1\n".to_vec(),
            Invalid("3 columns: “email”, “name”, “ref”"),
        ),
        (
            "break.csv",
            b"\"email\naddress\",name,ref\na@example.com,Ana,1\n".to_vec(),
            Clean,
        ),
        (
            "no-break.csv",
            "email\u{A0}address,na\u{200B}me,re\u{AD}f\na@example.com,Ana,1\n".into(),
            Clean,
        ),
        // Encodings.
        (
            "1252.csv",
            b"email address,name,ref\na@example.com,Zo\xEB,1\n".to_vec(),
            Warned("read as Windows-1252: “Zoë”"),
        ),
        (
            "latin-first.csv",
            b"email address,name,ref\na@example.com,Ren\xE9e,1\nb@example.com,Zo\xC3\xAB,2\n"
                .to_vec(),
            Refused("Line 2:"),
        ),
        (
            "utf8-first.csv",
            b"email address,name,ref\na@example.com,Zo\xC3\xAB,1\nb@example.com,Ren\xE9e,2\n"
                .to_vec(),
            Refused("Line 3:"),
        ),
        (
            "mac.csv",
            b"email address,name,ref\na@example.com,Zo\x91 M\x9Fller,1\n".to_vec(),
            Refused("Mac Roman: “Zoë Müller”"),
        ),
        (
            "1250.csv",
            b"email address,name,ref\na@example.com,\xA3ucja,1\n".to_vec(),
            Refused("Windows-1250: “Łucja”"),
        ),
        (
            "dos.csv",
            b"email address,name,ref\na@example.com,Ren\x82e,1\n".to_vec(),
            Refused("neither UTF-8 nor Windows-1252"),
        ),
        (
            "nul.csv",
            rows("a@example.com,Zo\0e,1"),
            Warned("1 NUL character was left out"),
        ),
        (
            "lost.csv",
            rows("a@example.com,Zo\u{FFFD},1"),
            Warned("was lost when the file was saved"),
        ),
        // Other people's data.
        (
            "open.csv",
            rows("a@example.com,\"Bob,1\nb@example.com,Bo,2"),
            Invalid("a quotation mark is left open in line 2"),
        ),
        (
            "open.tsv",
            b"email address\tname\tref\na@example.com\t\"Bob\t1\nb@example.com\tBo\t2\n".to_vec(),
            Refused("Line 2: a quotation mark is left open"),
        ),
        (
            "backslash.csv",
            rows(r#"a@example.com,"Bob \"the\" Smith",1"#),
            Invalid("line 2 is escaped with a backslash"),
        ),
        (
            "swallowed.csv",
            rows("a@example.com,\"Bob\nb@example.com,Bo,2\",1"),
            Warned("lines that look like rows"),
        ),
        (
            "long.csv",
            rows("a@example.com,Smith, Jo,1"),
            Warned("row 2 has more cells than the header"),
        ),
        (
            "long.tsv",
            b"email address\tname\tref\na@example.com\tSmith\tJo\t1\n".to_vec(),
            Invalid("row 2 has more cells than the header"),
        ),
        (
            "twice.csv",
            rows("a@example.com,Ana,1\nA@example.com,Ana,2"),
            Warned("row 3 repeats the email address of row 2"),
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_said(name, &check(name, bytes, email(), None), expected);
    }
}

#[test]
fn encodings_that_the_sender_names() {
    for (name, encoding, expected) in [
        (
            &b"Zo\x91"[..],
            "mac roman",
            Warned("read as Mac Roman: “Zoë”"),
        ),
        (b"\xA3ucja", "1250", Warned("read as Windows-1250: “Łucja”")),
        (
            b"\xC8\xE2\xE0\xED",
            "cp1251",
            Warned("read as Windows-1251: “Иван”"),
        ),
        (
            b"\x8E\x52\x93\x63",
            "Shift-JIS",
            Warned("read as Shift-JIS: “山田”"),
        ),
        (b"Ren\xE9e", "utf-8", Refused("Line 2:")),
        (b"Ana", "windows-1252", Clean),
    ] {
        let file = [b"email address,name,ref\na@example.com,", name, b",1\n"].concat();
        assert_said(
            encoding,
            &check("a.csv", &file, email(), Some(encoding)),
            &expected,
        );
    }
}

#[test]
fn text_messages() {
    for (name, file, expected) in [
        (
            "semicolons.csv",
            "phone number;name\n07900900123;Zoë\n",
            Warned("semicolons"),
        ),
        (
            "arabic.csv",
            "phone number,name\n07900900123,محمد\n",
            Warned("sent as “?”"),
        ),
        (
            "accent.csv",
            "phone number,name\n07900900123,Zoe\u{308}\n",
            Clean,
        ),
        (
            "twice.csv",
            "phone number,name\n07900 900123,A\n+447900900123,B\n",
            Warned("row 3 repeats"),
        ),
    ] {
        let result = check(name, file.as_bytes(), text_message(), None);
        assert_said(name, &result, &expected);
    }
}
