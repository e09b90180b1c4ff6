//! The HTML of the four pages, without scripts, images or external resources. Text from a sender is written with
//! [`Escaped`].

use std::{fmt, sync::LazyLock};

use app::documents::FileAccess;
use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Timestamp;
use http::HeaderValue;

/// Dark text on white at the browser's font size, one column, visible focus.
const STYLE: &str = "\
:root{color-scheme:light}
body{margin:0;background:#fff;color:#1a1a1a;font:1.125rem/1.5 system-ui,sans-serif}
header,main,footer{max-width:40rem;margin:0 auto;padding:1rem 1.25rem}
header{border-bottom:4px solid #1d4f91;font-weight:600;overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.2;overflow-wrap:anywhere}
a{color:#1d4f91}
a:focus-visible,input:focus-visible,button:focus-visible,[tabindex]:focus-visible{outline:3px solid #1a1a1a;outline-offset:2px;box-shadow:0 0 0 8px #ffd84d}
dl{margin:1.5rem 0}dt{font-weight:600}dd{margin:0 0 .75rem;overflow-wrap:anywhere}
label{display:block;font-weight:600;margin:.5rem 0}
input{box-sizing:border-box;width:100%;max-width:25rem;padding:.5rem;font:inherit;border:2px solid #1a1a1a;border-radius:0}
.action,button{display:inline-block;margin:1rem 0;padding:.6rem 1.25rem;font:inherit;font-weight:600;color:#fff;background:#1d4f91;border:2px solid #1d4f91;border-radius:3px;text-decoration:none;cursor:pointer}
.mistake{border:4px solid #b3261e;padding:.75rem 1rem;margin:1rem 0}
.mistake h2{margin:0;font-size:1.25rem}.mistake p{margin:.25rem 0 0}
#hint{margin:0;color:#4a4a4a}#fault{margin:.5rem 0;color:#b3261e;font-weight:600}
footer{border-top:1px solid #b0b0b0;color:#4a4a4a;font-size:1rem}";

/// Returns the `Content-Security-Policy`, which allows only our style, and forms to us.
pub(super) fn policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        // By hash, because `'unsafe-inline'` would allow any style, also one that slipped into the page.
        let style = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        );
        HeaderValue::from_str(&policy).expect("it is printable ASCII")
    });
    POLICY.clone()
}

/// Why an email address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// The field is empty.
    Nothing,
    /// It is not the address that the message was sent to.
    Wrong,
    /// There were too many wrong attempts.
    TooOften,
}

impl Mistake {
    const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "Enter your email address",
            Self::Wrong => {
                "This is not the email address the message was sent to. Enter the address that received it"
            }
            Self::TooOften => {
                "Too many wrong addresses were entered. Wait 10 minutes and try again"
            }
        }
    }
}

/// Returns the download page.
pub(super) fn download(opened: &FileAccess, link: &str) -> String {
    let service = Escaped(&opened.tenant.service.name);
    let main = format!(
        "<h1>A file for you from {service}</h1>\n\
         <dl>\n<dt>File</dt><dd>{name}</dd>\n<dt>Type</dt><dd>{kind}</dd>\n<dt>Size</dt><dd>{size}</dd>\n\
         <dt>Available until</dt><dd>the end of {until}</dd>\n</dl>\n\
         <a class=\"action\" href=\"{link}/file\" download>Download this file<span> ({kind}, {size})</span></a>\n",
        name = Escaped(opened.name.reveal()),
        kind = kind(opened.mime_type()),
        size = size(opened.size_bytes()),
        until = last_day(opened.expires_at()),
        link = Escaped(link),
    );
    layout("Download your file", opened, &main)
}

/// Returns the page that asks for the email address.
pub(super) fn confirm(opened: &FileAccess, link: &str, mistake: Option<Mistake>) -> String {
    let service = Escaped(&opened.tenant.service.name);
    let (summary, fault, described_by) = match mistake {
        None => (String::new(), String::new(), "hint"),
        Some(mistake) => (
            format!(
                "<div class=\"mistake\" role=\"alert\">\n<h2>There is a problem</h2>\n\
                 <p><a href=\"#email_address\">{}</a></p>\n</div>\n",
                mistake.words()
            ),
            format!("<p id=\"fault\">Error: {}</p>\n", mistake.words()),
            "hint fault",
        ),
    };
    let invalid = if mistake.is_some() {
        " aria-invalid=\"true\""
    } else {
        ""
    };
    // `novalidate`: a wrong address gets our error, which screen readers announce and which says what to enter.
    let main = format!(
        "{summary}<h1>Confirm your email address</h1>\n\
         <p>{service} sent you a file. To keep it safe, you need to confirm the email address the message was sent \
         to.</p>\n<p>The file is available until the end of {until}.</p>\n\
         <form method=\"post\" action=\"{link}\" novalidate>\n\
         <label for=\"email_address\">Email address</label>\n\
         <p id=\"hint\">The address at which you received the link to this page</p>\n{fault}\
         <input id=\"email_address\" name=\"email_address\" type=\"email\" autocomplete=\"email\" spellcheck=\"false\" \
         aria-describedby=\"{described_by}\"{invalid}>\n\
         <div><button type=\"submit\">Continue</button></div>\n</form>\n",
        until = last_day(opened.expires_at()),
        link = Escaped(link),
    );
    let title = if mistake.is_some() {
        "Error: Confirm your email address"
    } else {
        "Confirm your email address"
    };
    layout(title, opened, &main)
}

/// Returns the page of a link that is invalid or has expired.
pub(super) fn not_found() -> String {
    bare(
        "No longer available",
        "<h1>This file is not available</h1>\n\
         <p>The link may be incomplete, or the time in which the file could be downloaded is over.</p>\n\
         <p>If you copied the link, check that you copied all of it. If it still does not work, ask whoever sent you \
         the message for a new one.</p>\n",
    )
}

/// Returns the page of an internal error.
pub(super) fn failed() -> String {
    bare(
        "Sorry, there is a problem",
        "<h1>Sorry, there is a problem</h1>\n<p>Try again later. Your file is not lost.</p>\n",
    )
}

fn layout(title: &str, opened: &FileAccess, main: &str) -> String {
    let service = &opened.tenant.service;
    let contact = service
        .contact_link
        .as_deref()
        .map(|link| contact(&service.name, link))
        .unwrap_or_default();
    let title = format!("{} – {}", title, Escaped(&service.name));
    let header = format!("<header>{}</header>\n", Escaped(&service.name));
    document(&title, &format!("{header}<main>\n{main}</main>\n{contact}"))
}

fn bare(title: &str, main: &str) -> String {
    document(title, &format!("<main>\n{main}</main>\n"))
}

/// Returns a whole page. `title` and `body` are HTML.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

/// Returns the contact details of the service: a link to a page or an address, or its text.
fn contact(service: &str, link: &str) -> String {
    let link = link.trim();
    if link.is_empty() {
        return String::new();
    }
    let lower = link.to_ascii_lowercase();
    // Only these schemes become links: `javascript:` and others are shown as text.
    let target = if lower.starts_with("https://") || lower.starts_with("http://") {
        Some(link.to_owned())
    } else if link.contains('@') && !link.contains(char::is_whitespace) {
        Some(format!("mailto:{link}"))
    } else {
        None
    };
    let how = match target {
        Some(target) => format!("<a href=\"{}\">{}</a>", Escaped(&target), Escaped(link)),
        None => Escaped(link).to_string(),
    };
    format!(
        "<footer><p>If you have any questions, contact {}: {how}</p></footer>\n",
        Escaped(service)
    )
}

/// Text that is escaped for element content and quoted attributes.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(place) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..place])?;
            f.write_str(match rest.as_bytes()[place] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[place + 1..];
        }
        f.write_str(rest)
    }
}

/// Returns the name of a media type for people.
fn kind(mime_type: &str) -> &'static str {
    match mime_type {
        "application/pdf" => "PDF",
        "image/png" => "PNG picture",
        "image/jpeg" => "JPEG picture",
        "application/rtf" => "rich text document",
        "text/plain" => "plain text",
        "text/csv" => "CSV spreadsheet",
        "application/json" => "JSON",
        "application/vnd.ms-excel"
        | "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => {
            "Microsoft Excel spreadsheet"
        }
        "application/msword"
        | "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => {
            "Microsoft Word document"
        }
        "application/vnd.oasis.opendocument.spreadsheet" => "OpenDocument spreadsheet",
        "application/vnd.oasis.opendocument.text" => "OpenDocument text",
        _ => "file",
    }
}

/// Formats a size with at most one decimal, rounded up.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| (bytes * 10).div_ceil(unit);
    let shown = |tenths: u64, unit: &str| {
        if tenths.is_multiple_of(10) {
            format!("{} {unit}", tenths / 10)
        } else {
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
    };
    match bytes {
        1 => "1 byte".to_owned(),
        0..1000 => format!("{bytes} bytes"),
        1000..1_000_000 => format!("{} KB", bytes.div_ceil(1000)),
        _ => shown(tenths(1_000_000), "MB"),
    }
}

/// Returns the last whole day on which a file is available.
fn last_day(expires_at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    // It ends in the course of its last day, so the day before is the last that is whole.
    let day = expires_at.utc_day().plus_days(-1).to_string();
    let mut parts = day.split('-');
    let mut next = || parts.next().unwrap_or_default();
    let (year, month, day) = (next(), next(), next());
    let month = month
        .parse::<usize>()
        .ok()
        .and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!(
        "{} {} {year}",
        day.trim_start_matches('0'),
        month.copied().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_sender_is_escaped() {
        let text = Escaped("<script>\"&'</script>").to_string();
        assert_eq!(text, "&lt;script&gt;&quot;&amp;&#39;&lt;/script&gt;");
        let contact = contact("A&B", "javascript:alert(1)");
        assert!(!contact.contains("href"), "{contact}");
        assert!(contact.contains("A&amp;B"));
    }

    #[test]
    fn contact_details_are_a_page_an_address_or_text() {
        for (link, shown) in [
            (
                "https://a.example/?x=1&y=2",
                "<a href=\"https://a.example/?x=1&amp;y=2\">",
            ),
            ("help@a.example", "<a href=\"mailto:help@a.example\">"),
            ("0300 123 4567", ": 0300 123 4567<"),
        ] {
            let page = contact("Us", link);
            assert!(page.contains(shown), "{page}");
        }
        assert_eq!(contact("Us", "  "), "");
    }

    #[test]
    fn sizes_and_days_are_formatted() {
        for (bytes, shown) in [
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1 KB"),
            (1001, "2 KB"),
            (1_000_000, "1 MB"),
            (2_097_152, "2.1 MB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
        assert_eq!(
            last_day("2026-08-01T09:00:00Z".parse().unwrap()),
            "31 July 2026"
        );
        assert_eq!(
            last_day("2026-03-02T00:00:00Z".parse().unwrap()),
            "1 March 2026"
        );
    }
}
