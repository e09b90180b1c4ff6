//! The HTML document around an e-mail's body (`templates.md` §9.3): our own layout.

/// Who an e-mail is from, as its page shows it. By default nothing: a plain page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branding {
    /// The brand at the head of the page.
    pub brand: Option<Brand>,
}

/// A brand at the head of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brand {
    /// What it is called, in plain text; shown beside the logo.
    pub name: Option<String>,
    /// Where its logo can be fetched.
    pub logo_url: Option<String>,
    /// What the logo says, for people who do not see it.
    pub logo_alternative_text: Option<String>,
    /// `#rrggbb`; anything else counts as none.
    pub colour: Option<String>,
    /// Where the colour goes.
    pub bar: BrandBar,
}

/// Where a brand's colour goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrandBar {
    /// A bar beside name and logo.
    #[default]
    Single,
    /// A banner across the page, name and logo on it.
    Banner,
}

pub(super) fn page(subject: &str, preheader: &str, body: &str, _branding: &Branding) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><title>{subject}</title></head><body><div hidden>{preheader}</div>{body}</body></html>"
    )
}
