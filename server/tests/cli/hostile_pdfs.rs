//! Three hundred hostile PDFs: each gets a reason, or passes, within the limits of the child that reads it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::foreign_files::{
    ADDRESS, key, pdf, pdf_with_content, post, read_file, stream, wait_for,
};
use crate::platform::Platform;

/// A letter that the platform made, with two pages, fonts and compressed streams.
const REAL: &[u8] = include_bytes!("hostile/letter.pdf");

/// More than a child may take on an idle machine, because tests share theirs.
const MOST_TIME: Duration = Duration::from_mins(2);

struct Hostile {
    name: String,
    file: Vec<u8>,
}

fn hostile(name: impl Into<String>, file: Vec<u8>) -> Hostile {
    let name = name.into();
    Hostile { name, file }
}

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
}

/// Damages the real letter in one of seven ways.
fn mutated(number: usize) -> Hostile {
    let mut numbers = Numbers(number as u64);
    let mut file = REAL.to_vec();
    let kind = number % 7;
    match kind {
        0 => file.truncate(numbers.below(file.len())),
        1 => {
            for _ in 0..=numbers.below(40) {
                let place = numbers.below(file.len());
                file[place] = u8::try_from(numbers.below(256)).unwrap();
            }
        }
        2 => {
            let (from, length) = (numbers.below(file.len()), numbers.below(2_000));
            let to = (from + length).min(file.len());
            file.drain(from..to);
        }
        3 => {
            let (from, length) = (numbers.below(file.len()), numbers.below(2_000));
            let part = file[from..(from + length).min(file.len())].to_vec();
            let place = numbers.below(file.len());
            file.splice(place..place, part);
        }
        4 => replace_digits(&mut file, &mut numbers),
        5 => {
            // References point to other objects.
            let places: Vec<usize> = (1..file.len() - 3)
                .filter(|place| &file[*place..place + 4] == b" 0 R")
                .collect();
            for place in places {
                if numbers.below(4) == 0 && file[place - 1].is_ascii_digit() {
                    file[place - 1] = b'0' + u8::try_from(numbers.below(10)).unwrap();
                }
            }
        }
        _ => {
            let half = file.split_off(numbers.below(file.len()));
            file.splice(0..0, half);
        }
    }
    hostile(format!("mutated {number} in way {kind}"), file)
}

fn replace_digits(file: &mut [u8], numbers: &mut Numbers) {
    let digits: Vec<usize> = (0..file.len())
        .filter(|place| file[*place].is_ascii_digit())
        .collect();
    for _ in 0..=numbers.below(60) {
        let place = digits[numbers.below(digits.len())];
        file[place] = b'9';
    }
}

/// Content that is small and takes long, or takes much memory.
fn bombs() -> Vec<Hostile> {
    let run_length: String = "\u{7f}\0".repeat(50_000);
    let mut all = vec![
        hostile(
            "nested run lengths",
            pdf([stream(
                &format!("/Filter[{}]", "/RunLengthDecode".repeat(8)),
                &run_length,
            )]),
        ),
        hostile(
            "q without end",
            pdf_with_content(&"q ".repeat(3_000_000), "", []),
        ),
        hostile(
            "Q without beginning",
            pdf_with_content(&"Q ".repeat(3_000_000), "", []),
        ),
        hostile(
            "clips in clips",
            pdf_with_content(
                &"0 0 595 842 re 9 9 m 50 99 l 9 70 l W n ".repeat(100_000),
                "",
                [],
            ),
        ),
        hostile(
            "a path of a million lines",
            pdf_with_content(
                &format!("0 0 m {} f", "595 842 l 0 0 l ".repeat(500_000)),
                "",
                [],
            ),
        ),
        hostile(
            "long thin curves",
            pdf_with_content(
                &"0 0 m 1e9 1e9 -1e9 1e9 3e9 2e9 c S ".repeat(100_000),
                "",
                [],
            ),
        ),
        hostile(
            "dashes",
            pdf_with_content(
                &"[0.00001 0.00001] 0 d 0 0 m 1e7 1e7 l S ".repeat(1_000),
                "",
                [],
            ),
        ),
        hostile(
            "negative dashes",
            pdf_with_content("[-1 0 -1] 0 d 0 0 m 500 500 l S", "", []),
        ),
        hostile(
            "wide strokes",
            pdf_with_content(&"1e30 w 0 0 m 500 500 l S ".repeat(10_000), "", []),
        ),
        hostile(
            "no matrix",
            pdf_with_content(&format!("0 0 0 0 0 0 cm {ADDRESS}"), "", []),
        ),
        hostile(
            "a huge matrix",
            pdf_with_content(
                &format!("1e38 0 0 1e38 0 0 cm 1e38 0 0 1e38 0 0 cm {ADDRESS}"),
                "",
                [],
            ),
        ),
        hostile(
            "a huge font",
            pdf_with_content("BT /F 1e20 Tf (Ada) Tj ET", "", []),
        ),
        hostile(
            "much text",
            pdf_with_content(
                &format!("BT /F 10 Tf {} ET", "(Ada Ada Ada) Tj ".repeat(200_000)),
                "",
                [],
            ),
        ),
        hostile(
            "one long text",
            pdf_with_content(
                &format!("BT /F 1 Tf ({}) Tj ET", "a".repeat(2_000_000)),
                "",
                [],
            ),
        ),
        hostile(
            "JavaScript",
            pdf(["<</S/JavaScript/JS(while\\(true\\){})>>".to_owned()]),
        ),
        hostile("ten thousand pages", pages(10_000)),
        hostile("a hundred thousand pages", pages(100_000)),
    ];
    for side in [30_000, 100_000, 2_000_000_000] {
        let image = format!(
            "/Type/XObject/Subtype/Image/Width {side}/Height {side}/ColorSpace/DeviceRGB/BitsPerComponent 8"
        );
        let content = format!("{ADDRESS} q 100 0 0 100 50 50 cm /I Do Q");
        for filter in [
            "",
            "/Filter/RunLengthDecode",
            "/Filter/DCTDecode",
            "/Filter/JPXDecode",
            "/Filter/CCITTFaxDecode",
            "/Filter/JBIG2Decode",
            "/Filter/LZWDecode",
            "/Filter/FlateDecode",
        ] {
            all.push(hostile(
                format!("an image of {side} {filter}"),
                pdf_with_content(
                    &content,
                    "/XObject<</I 5 0 R>>",
                    [stream(&format!("{image}{filter}"), &run_length)],
                ),
            ));
        }
    }
    all
}

/// Returns a PDF with this many empty pages.
fn pages(count: usize) -> Vec<u8> {
    let mut text = "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n".to_owned();
    let kids: Vec<String> = (0..count).map(|page| format!("{} 0 R", page + 3)).collect();
    let kids = kids.join(" ");
    write!(
        text,
        "2 0 obj\n<</Type/Pages/Count {count}/MediaBox[0 0 595 842]/Kids[{kids}]>>\nendobj\n"
    )
    .unwrap();
    for page in 0..count {
        write!(
            text,
            "{} 0 obj\n<</Type/Page/Parent 2 0 R>>\nendobj\n",
            page + 3
        )
        .unwrap();
    }
    // Without a table the readers look for the objects themselves.
    text.push_str("trailer\n<</Root 1 0 R>>\n%%EOF\n");
    while !text.len().is_multiple_of(3) {
        text.push('\n');
    }
    text.into_bytes()
}

/// Objects in objects, and objects that contain themselves.
fn recursions() -> Vec<Hostile> {
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]";
    let itself = "/Resources<</XObject<</X 5 0 R>>/Pattern<</P 5 0 R>>/ExtGState<</G 6 0 R>>>>";
    let group = "/Group<</S/Transparency/CS/DeviceGray>>";
    let in_page = |content: &str, resources: &str, objects: Vec<String>| {
        pdf_with_content(content, resources, objects)
    };
    let mut all = Vec::new();
    for depth in [100, 10_000, 500_000] {
        all.push(hostile(
            format!("arrays {depth} deep"),
            pdf([format!("{}{}", "[".repeat(depth), "]".repeat(depth))]),
        ));
        all.push(hostile(
            format!("arrays never closed, {depth}"),
            pdf(["[".repeat(depth)]),
        ));
        all.push(hostile(
            format!("dictionaries {depth} deep"),
            pdf([format!("{}{}", "<</A".repeat(depth), ">>".repeat(depth))]),
        ));
        all.push(hostile(
            format!("content arrays {depth} deep"),
            pdf_with_content(&"[".repeat(depth), "", []),
        ));
        all.push(hostile(
            format!("brackets {depth} deep"),
            pdf_with_content(&"(".repeat(depth), "", []),
        ));
        all.push(hostile(
            format!("marks {depth} deep"),
            pdf_with_content(&"/A <</B<</C 1>>>> BDC ".repeat(depth), "", []),
        ));
    }
    all.push(hostile(
        "a form in itself",
        in_page(
            "/X Do",
            "/XObject<</X 5 0 R>>",
            vec![stream(&format!("{form}{itself}"), "/X Do /X Do")],
        ),
    ));
    all.push(hostile(
        "a group in itself",
        in_page(
            "/X Do",
            "/XObject<</X 5 0 R>>",
            vec![stream(&format!("{form}{itself}{group}"), "/X Do /X Do")],
        ),
    ));
    all.push(hostile(
        "a pattern in itself",
        in_page(
            "/Pattern cs /P scn 0 0 595 842 re f",
            "/Pattern<</P 5 0 R>>",
            vec![stream(
                &format!(
                    "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 9/YStep 9{itself}"
                ),
                "/Pattern cs /P scn 0 0 9 9 re f",
            )],
        ),
    ));
    all.push(hostile(
        "a mask in itself",
        in_page(
            "/G gs 0 0 595 842 re f",
            "/ExtGState<</G 6 0 R>>",
            vec![
                stream(&format!("{form}{itself}{group}"), "/G gs 0 0 595 842 re f"),
                "<</Type/ExtGState/SMask<</S/Luminosity/G 5 0 R>>>>".to_owned(),
            ],
        ),
    ));
    all.push(hostile("a font of itself", in_page(
        "BT /T 10 Tf 100 100 Td (aaaa) Tj ET",
        "/Font<</T 5 0 R>>",
        vec![
            "<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[1 0 0 1 0 0]/FirstChar 97/LastChar 97/Widths[9]\
             /Encoding<</Differences[97/a]>>/CharProcs<</a 6 0 R>>/Resources<</Font<</T 5 0 R>>>>>>".to_owned(),
            stream("", "9 0 d0 BT /T 10 Tf (aaaa) Tj ET"),
        ],
    )));
    // Each form draws the next one twice: two to the power of sixty.
    let doubling = (0..60).map(|number| {
        stream(
            &format!("{form}/Resources<</XObject<</X {} 0 R>>>>", number + 6),
            "/X Do /X Do",
        )
    });
    all.push(hostile(
        "forms that double",
        in_page("/X Do", "/XObject<</X 5 0 R>>", doubling.collect()),
    ));
    let chain = (0..20_000).map(|number| {
        stream(
            &format!("{form}/Resources<</XObject<</X {} 0 R>>>>", number + 6),
            "/X Do",
        )
    });
    all.push(hostile(
        "a chain of forms",
        in_page("/X Do", "/XObject<</X 5 0 R>>", chain.collect()),
    ));
    let references = (0..100_000).map(|number| format!("{} 0 R", number + 6));
    all.push(hostile(
        "references to references",
        in_page("/X Do", "/XObject<</X 5 0 R>>", references.collect()),
    ));
    let lengths =
        (0..20_000).map(|number| format!("<</Length {} 0 R>>\nstream\nx\nendstream", number + 6));
    all.push(hostile("lengths of lengths", pdf(lengths)));
    all.push(hostile("a tree of pages 100,000 deep", deep_tree()));
    all
}

fn deep_tree() -> Vec<u8> {
    let mut text = "%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n".to_owned();
    for number in 2..100_000 {
        write!(
            text,
            "{number} 0 obj\n<</Type/Pages/Count 1/Kids[{} 0 R]>>\nendobj\n",
            number + 1
        )
        .unwrap();
    }
    text.push_str("100000 0 obj\n<</Type/Page/MediaBox[0 0 595 842]>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n");
    text.into_bytes()
}

/// Files whose table of objects is wrong.
fn broken_tables() -> Vec<Hostile> {
    let good = String::from_utf8(pdf([])).unwrap();
    let start = good.find("startxref").unwrap();
    let mut all = Vec::new();
    for offset in [
        "0",
        "1",
        "-1",
        "99999999999999999999",
        "18446744073709551615",
        "x",
        "",
    ] {
        let file = format!("{}startxref\n{offset}\n%%EOF\n", &good[..start]);
        all.push(hostile(format!("table at {offset:?}"), file.into_bytes()));
    }
    for (from, to) in [
        ("/Size 5", "/Size 99999999999"),
        ("/Root 1 0 R", "/Root 9 0 R"),
        ("/Root 1 0 R", "/Root 1 0 R/Prev 9"),
        ("/Root 1 0 R", "/Root 1 0 R/Encrypt 4 0 R"),
        ("/Root 1 0 R", "/Root<</Type/Catalog/Pages<</Kids[]>>>>"),
        ("0000000000 65535 f", "0000000000 00000 n"),
        (" 00000 n", " 99999 n"),
        ("/Count 1", "/Count -1"),
        ("/Kids[3 0 R]", "/Kids[3 0 R 3 0 R]"),
        ("/Kids[3 0 R]", "/Kids[2 0 R]"),
        ("[0 0 595 842]", "[0 0 595 nan]"),
        ("[0 0 595 842]", "[595 842 0 0]"),
        ("[0 0 595 842]", "[1e38 1e38 -1e38 -1e38]"),
        ("xref\n0 5", "xref\n0 4000000000"),
        ("%PDF-1.7", "%PDF-9.9"),
        ("/Contents 4 0 R", "/Contents[4 0 R 4 0 R 4 0 R]"),
        ("/Contents 4 0 R", "/Contents 3 0 R"),
        ("/Length ", "/Length -"),
        ("/Length ", "/Length 99"),
    ] {
        all.push(hostile(
            format!("{to:?} for {from:?}"),
            good.replace(from, to).into_bytes(),
        ));
    }
    let prev = good.replace(
        "/Root 1 0 R",
        &format!("/Root 1 0 R/Prev {}", good.find("xref").unwrap()),
    );
    all.push(hostile(
        "a table that continues in itself",
        prev.into_bytes(),
    ));
    all
}

fn all() -> Vec<Hostile> {
    let mut all: Vec<Hostile> = [bombs(), recursions(), broken_tables()]
        .into_iter()
        .flatten()
        .collect();
    let missing = 300 - all.len();
    all.extend((0..missing).map(mutated));
    all
}

/// Returns the reason that the child gives; that of an unreadable file if it ends without an answer.
fn reason_of(file: &[u8]) -> String {
    let Some(answer) = read_file("supplied-letter", file) else {
        return "the child ended".to_owned();
    };
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let problem = &answer["Err"]["problem"];
    match (problem.as_str(), problem.as_object()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(problem)) => problem.keys().next().unwrap().clone(),
        (None, None) => {
            assert!(
                answer["Ok"]["pages"]
                    .as_u64()
                    .is_some_and(|pages| pages <= 10),
                "{answer}"
            );
            "passes".to_owned()
        }
    }
}

#[test]
fn each_of_three_hundred_hostile_pdfs_gets_a_reason_in_time() {
    let files = all();
    assert_eq!(files.len(), 300);
    let next = AtomicUsize::new(0);
    let check = || {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(hostile) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let started = Instant::now();
            let reason = reason_of(&hostile.file);
            let took = started.elapsed();
            assert!(took < MOST_TIME, "{} took {took:?}: {reason}", hostile.name);
            *reasons.entry(reason).or_default() += 1;
        }
        reasons
    };
    let reasons = thread::scope(|scope| {
        let two = [scope.spawn(check), scope.spawn(check)];
        two.map(|thread| thread.join().unwrap())
    });
    let count = |name: &str| -> usize { reasons.iter().filter_map(|found| found.get(name)).sum() };
    assert!(count("Unreadable") > 30, "{reasons:?}");
    assert!(count("TooLong") >= 2, "{reasons:?}");
    assert!(count("the child ended") < 100, "{reasons:?}");
}

#[test]
fn the_platform_says_that_a_bomb_is_unreadable() {
    let platform = Platform::up();
    let test = key(&platform, "test");
    for hostile in bombs()
        .into_iter()
        .filter(|hostile| hostile.name.contains("pages"))
    {
        let letter = post(&platform, &test, &hostile.file);
        wait_for(&platform, &test, &letter, "validation-failed");
    }
}
