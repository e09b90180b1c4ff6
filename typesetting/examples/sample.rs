//! Typesets one letter of each kind into a directory, to be inspected, and measures letters a second on one thread:
//! `cargo run --release -p pillarbox-typesetting --example sample -- <directory>`.

use std::{error::Error, path::PathBuf, time::Instant};

use jiff::civil::date;
use serde_json::json;
use templates::{letters::LetterTemplate, placeholders::Values};

const CONTACT: &str = "Riverside Council\nCouncil Tax\nTown Hall, Bank Street\nRiverside\nRV1 2AB\n\nTel: 01632 960 001\ncouncil.tax@riverside.example";

const BODY: &str = "Dear ((name)),

We wrote to you on 3 January about your council tax for 14 Mill Lane. We have not heard from you, and £482.10 is still to be paid for the year that ends on 31 March.

# What you need to do

Pay ((amount)) by Friday 27 March 2026. You can pay:

* online at https://www.riverside.example/pay-council-tax - it takes a minute, and we will write your payment down at once, whatever the hour
* by phone on 01632 960 002
* at any Post Office, with this letter

# If you cannot pay

1. Call us. We can often spread what you owe.
2. Ask for free advice.
3. Tell us about a change: a job, a baby, a move.

Your reference is 81-22-7719. Scan this to pay:

qr: https://www.riverside.example/pay?reference=81-22-7719&amount=482.10

Yours sincerely

Olwen Griffiths
Head of Revenues";

const ARABIC: &str = "عزيزي ((name))،

كتبنا إليك في 3 يناير بشأن ضريبة المجلس (Council Tax) لعام 2026. لم نتلق أي رد، وما زال مبلغ ((amount)) مستحقًا حتى يوم الجمعة 27 مارس.

# ما يجب عليك فعله

* ادفع عبر الإنترنت: https://www.riverside.example/pay
* اتصل بالرقم 01632 960 002

1. الاسم الكامل
2. رقم المرجع 81-22-7719

This paragraph is in English, with مرحبا in it.";

const SCRIPTS: &str = "שלום ((name)), עליך לשלם ((amount)) עד 27/03/2026. שָׁלוֹם

اردو: آپ کا کونسل ٹیکس ابھی تک ادا نہیں ہوا۔ ۱۲۳

हिन्दी: कृपया ((amount)) का भुगतान करें। क्षेत्र, श्री, कृष्ण

বাংলা: অনুগ্রহ করে কর পরিশোধ করুন। ক্ষমতা, শ্রী

ਪੰਜਾਬੀ: ਕਿਰਪਾ ਕਰਕੇ ਟੈਕਸ ਭਰੋ। ਗੁਜਰਾਤੀ ગુજરાતી: કૃપા કરીને કર ભરો. ક્ષ શ્રી

தமிழ்: வரியைச் செலுத்தவும். తెలుగు: దయచేసి పన్ను చెల్లించండి. ಕನ್ನಡ: ತೆರಿಗೆ. മലയാളം: നികുതി. සිංහල: බදු ශ්‍රී

Հայերեն: Վճարեք հարկը. ქართული: გადაიხადეთ გადასახადი. አማርኛ: ግብር ይክፈሉ። ትግርኛ: ግብሪ

# 中文标题（粗体）日本語 한국어

您的市政税尚未缴纳（编号：81-22-7719）。请在2026年3月27日之前支付((amount))。如果您无法支付，请致电01632 960 002与我们联系，我们通常可以分期付款。議會稅尚未繳納。

日本語：税金をお支払いください。 한국어: 세금을 납부해 주십시오.

Ελληνικά, Українська, Tiếng Việt, Yorùbá ẹ̀kọ́, ☐ yes ☑ no ✓ ☎ 01632 960 002";

fn values(name: &str) -> Values {
    [
        ("address line 1", json!(name)),
        ("address line 2", json!("Flat 3")),
        ("address line 3", json!("14 Mill Lane")),
        ("address line 4", json!("Riverside")),
        ("postcode", json!("sw1a1aa")),
        ("name", json!(name)),
        ("amount", json!("£482.10")),
    ]
    .into_iter()
    .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(
        std::env::args()
            .nth(1)
            .ok_or("say where to put the letters")?,
    );
    let welsh = "Annwyl ((name)),\n\nYsgrifennwyd atoch ar 3 Ionawr ynglŷn â'ch treth gyngor. Ni chawsom ateb, ac mae £482.10 heb ei dalu o hyd. Bydd y tŷ a'r dŵr yn aros.\n\n# Beth i'w wneud\n\n* talu ((amount)) erbyn dydd Gwener\n* ffonio ni";
    let long = [BODY; 3].join("\n\n***\n\n");
    let running = format!("Dear ((name)),\n\n{}", "This letter runs on and on, so that its lines flow over the pages as they come, without anybody's help. ".repeat(80));
    let hostile = "# let x = 1\n\n#set page(width: 1pt) \\ $x^2$ *a* _b_ `c` <script>alert(1)</script> \\textbf{d} &lt;b&gt; ((name)) %PDF (a) [b] {c}\n\n* ((name))\n    * inside\n    * more\n* second";
    let hostile_name = "<script>alert('x')</script> \\#$*_`^{}[]()%&amp;";
    let letters = [
        (
            "one-page",
            LetterTemplate::parse("Your council tax is overdue", BODY).with_contact_block(CONTACT),
            "Ada Lovelace",
        ),
        (
            "bilingual",
            LetterTemplate::parse("Your council tax is overdue", BODY)
                .with_contact_block(CONTACT)
                .with_welsh("Mae eich treth gyngor yn hwyr", welsh),
            "Siân Ŵyn-Ŷnys",
        ),
        (
            "three-pages",
            LetterTemplate::parse("Three times", &long).with_contact_block(CONTACT),
            "Ada Lovelace",
        ),
        (
            "running",
            LetterTemplate::parse(
                "A long letter with a subject that is itself so long that it takes a second line of the page",
                &running,
            ),
            "Ada Lovelace",
        ),
        (
            "arabic",
            LetterTemplate::parse("ضريبة المجلس متأخرة", ARABIC).with_contact_block(CONTACT),
            "محمد علي",
        ),
        (
            "scripts",
            LetterTemplate::parse("Letters in many scripts: 您好 שלום नमस्ते", SCRIPTS)
                .with_contact_block(CONTACT),
            "Ada Lovelace",
        ),
        (
            "hostile",
            LetterTemplate::parse("((name)) <b>bold</b> #1", hostile)
                .with_contact_block("((name))\n<br>"),
            hostile_name,
        ),
    ];
    std::fs::create_dir_all(&directory)?;
    for (file, template, name) in letters {
        let values = values(name);
        let made = pillarbox_typesetting::typeset(&template, &values, date(2026, 3, 2))?;
        std::fs::write(directory.join(format!("{file}.pdf")), &made.pdf)?;
        let (begun, mut count) = (Instant::now(), 0u32);
        while begun.elapsed().as_secs() < 1 {
            pillarbox_typesetting::typeset(&template, &values, date(2026, 3, 2))?;
            count += 1;
        }
        let rate = f64::from(count) / begun.elapsed().as_secs_f64();
        eprintln!(
            "{file}: {} pages, {} bytes, {rate:.0} a second",
            made.pages,
            made.pdf.len()
        );
    }
    Ok(())
}
