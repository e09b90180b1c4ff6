//! The HTML document around the body of an e-mail (`docs/spec/templates.md` §9.3), in our own layout.
//!
//! One column of at most 580 pixels. Without a brand the page is plain.

use std::borrow::Cow;

use super::colour::Colour;

/// The sender's branding. The default is a plain page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branding {
    /// The brand in the page header.
    pub brand: Option<Brand>,
}

/// A brand. Absent parts leave no gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// Name in plain text, shown beside the logo.
    pub name: Option<String>,
    /// URL of the logo.
    pub logo_url: Option<String>,
    /// Alternative text of the logo. Without it the logo is marked as decorative.
    pub logo_alternative_text: Option<String>,
    /// `#rrggbb`; anything else is ignored.
    pub colour: Option<String>,
    /// Where the colour is shown.
    pub bar: BrandBar,
}

/// Position of a brand's colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrandBar {
    /// A bar beside the name and logo.
    #[default]
    Single,
    /// A full-width banner behind the name and logo.
    Banner,
}

const HEAD: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\" dir=\"ltr\">\n<head>\n",
    "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\n",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
    "<meta name=\"format-detection\" content=\"telephone=no, date=no, address=no, email=no, url=no\">\n",
    "<meta name=\"color-scheme\" content=\"light dark\">\n",
    "<meta name=\"supported-color-schemes\" content=\"light dark\">\n",
    "<title>",
);

const STYLES: &str = concat!(
    "</title>\n<style>\n",
    ":root { color-scheme: light dark; supported-color-schemes: light dark; }\n",
    "body { -webkit-text-size-adjust: 100%; -ms-text-size-adjust: 100%; }\n",
    "table { border-collapse: collapse; mso-table-lspace: 0; mso-table-rspace: 0; }\n",
    // Clients that ignore the query invert the colours themselves, for which each is stated once.
    "@media (prefers-color-scheme: dark) {\n",
    "  .page { background-color: #161616 !important; color: #f3f2f1 !important; }\n",
    "  .page a { color: #99c4ee !important; }\n",
    "}\n</style>\n",
    "<!--[if mso]><style>p, li, h2, h3, td { font-family: Arial, sans-serif !important; }</style><![endif]-->\n",
    "</head>\n",
);

const BODY: &str = concat!(
    "<body class=\"page\" style=\"margin: 0; padding: 0; background-color: #ffffff; color: #0b0c0c;\">\n",
    // Clients show the first text of the body in their list of messages.
    "<div style=\"display: none; max-height: 0; max-width: 0; overflow: hidden; opacity: 0; ",
    "font-size: 1px; line-height: 1px; mso-hide: all;\">",
);

const AFTER_PREHEADER: &str = "</div>\n";

const BEFORE_CONTENT: &str = concat!(
    // Tables, because e-mail clients lay out nothing else alike; the role keeps screen readers from announcing them.
    "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">",
    "<tr><td align=\"center\" style=\"padding: 0 15px;\">\n",
    // Outlook ignores `max-width`, and gets a table of fixed width.
    "<!--[if mso]><table role=\"presentation\" width=\"580\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">",
    "<tr><td><![endif]-->\n",
    "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" ",
    "style=\"max-width: 580px;\"><tr><td align=\"left\" ",
    "style=\"padding: 30px 0; font-family: Helvetica, Arial, sans-serif; font-size: 19px; line-height: 1.4;\">\n",
);

const AFTER_CONTENT: &str = concat!(
    "\n</td></tr></table>\n",
    "<!--[if mso]></td></tr></table><![endif]-->\n",
    "</td></tr></table>\n</body>\n</html>\n",
);

/// Renders the page. Subject, preheader and body are HTML already.
pub(super) fn page(subject: &str, preheader: &str, body: &str, branding: &Branding) -> String {
    let fixed = HEAD.len() + STYLES.len() + BODY.len() + BEFORE_CONTENT.len() + AFTER_CONTENT.len();
    let mut page =
        String::with_capacity(fixed + subject.len() + preheader.len() + body.len() + 1024);
    page.extend([HEAD, &without_tags(subject), STYLES, BODY]);
    page.extend([&without_tags(preheader), AFTER_PREHEADER]);
    if let Some(brand) = &branding.brand {
        push_brand(&mut page, brand);
    }
    page.extend([BEFORE_CONTENT, body, AFTER_CONTENT]);
    page
}

/// Removes tags, including one that the truncation of a preheader cut in two.
fn without_tags(html: &str) -> Cow<'_, str> {
    if !html.contains('<') {
        return Cow::Borrowed(html);
    }
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        rest = tag.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn push_brand(page: &mut String, brand: &Brand) {
    let colour = brand.colour.as_deref().and_then(Colour::parse);
    let logo = brand.logo_url.as_deref().map(|url| logo(url, brand));
    let name = brand.name.as_deref().map(name);
    // A bar beside nothing would look like a fault.
    if logo.is_none() && name.is_none() {
        return;
    }
    let (across, beside) = match (brand.bar, colour) {
        (_, None) => (String::new(), String::new()),
        (BrandBar::Single, Some(colour)) => (
            String::new(),
            format!(" border-left: 4px solid {colour}; padding-left: 10px;"),
        ),
        (BrandBar::Banner, Some(colour)) => {
            let text = colour.readable_on_it();
            let style = format!(" style=\"background-color: {colour}; color: {text};\"");
            (format!(" bgcolor=\"{colour}\"{style}"), String::new())
        }
    };
    page.extend([
        "<table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr><td",
        &across,
        " align=\"center\"><table role=\"presentation\" width=\"100%\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" \
         style=\"max-width: 580px;\"><tr><td align=\"left\" style=\"padding: 15px;\">\
         <table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>",
    ]);
    let cells = [logo, name];
    for (place, cell) in cells.iter().flatten().enumerate() {
        let beside = if place == 0 { beside.as_str() } else { "" };
        page.extend([
            "<td style=\"padding-right: 10px;",
            beside,
            "\">",
            cell,
            "</td>",
        ]);
    }
    page.push_str("</tr></table></td></tr></table></td></tr></table>\n");
}

fn logo(url: &str, brand: &Brand) -> String {
    let alternative = brand.logo_alternative_text.as_deref().unwrap_or_default();
    format!(
        "<img src=\"{}\" alt=\"{}\" height=\"54\" style=\"display: block; border: 0; height: 54px; max-width: 100%;\">",
        in_attribute(url),
        in_attribute(alternative)
    )
}

fn name(name: &str) -> String {
    format!(
        "<span style=\"font-family: Helvetica, Arial, sans-serif; font-size: 21px; line-height: 1.3; font-weight: bold;\">\
         {}</span>",
        in_attribute(name)
    )
}

/// Escapes a text for an attribute in double quotes or for element content.
fn in_attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn council() -> Brand {
        Brand {
            name: Some("Riverside & Sons".to_owned()),
            logo_url: Some("https://example.org/logo.png?a=1&b=\"2\"".to_owned()),
            colour: Some("#00703c".to_owned()),
            ..Brand::default()
        }
    }

    fn page_of(brand: Brand) -> String {
        page("S", "P", "<p>B</p>", &Branding { brand: Some(brand) })
    }

    #[test]
    fn a_page_without_a_brand_is_plain() {
        insta::assert_snapshot!(page(
            "Subject",
            "Preheader",
            "<p>Body</p>",
            &Branding::default()
        ));
    }

    #[test]
    fn a_brand_has_a_bar_beside_it() {
        insta::assert_snapshot!(page_of(council()));
    }

    #[test]
    fn a_banner_has_text_that_can_be_read_on_its_colour() {
        let banner = |colour: &str| {
            page_of(Brand {
                colour: Some(colour.to_owned()),
                bar: BrandBar::Banner,
                ..council()
            })
        };
        assert!(banner("#00703c").contains("background-color: #00703c; color: #ffffff;"));
        assert!(banner("#ffdd00").contains("background-color: #ffdd00; color: #0b0c0c;"));
        assert!(!banner("red; x").contains("red; x"));
    }

    #[test]
    fn what_people_wrote_is_escaped() {
        let page = page_of(Brand {
            logo_alternative_text: Some("\"><script>".to_owned()),
            ..council()
        });
        assert!(page.contains("alt=\"&quot;&gt;&lt;script&gt;\""));
        assert!(page.contains("Riverside &amp; Sons"));
        assert!(page.contains("src=\"https://example.org/logo.png?a=1&amp;b=&quot;2&quot;\""));
    }

    #[test]
    fn titles_and_preheaders_have_no_tags_not_even_unfinished_ones() {
        assert_eq!(without_tags("a <b>c</b> d <spa"), "a c d ");
        assert_eq!(without_tags("plain"), "plain");
    }

    #[test]
    fn all_tables_are_marked_as_layout() {
        let page = page_of(council());
        assert_eq!(
            page.matches("<table").count(),
            page.matches("<table role=\"presentation\"").count()
        );
        assert_eq!(
            page.matches("<table").count(),
            page.matches("</table>").count()
        );
    }
}
