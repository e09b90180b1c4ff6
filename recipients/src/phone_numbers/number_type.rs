use serde::Deserialize;

/// What a number is for, by its numbering plan (`docs/spec/recipients.md` §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    /// A landline.
    FixedLine,
    /// A mobile.
    Mobile,
    /// Where a plan does not tell the two apart, as in North America.
    FixedLineOrMobile,
    /// A "universal access number" of a company: 03 and 055 in the UK.
    Uan,
    /// A number that follows a person about: 070 in the UK.
    PersonalNumber,
    /// A number whose caller pays a premium.
    PremiumRate,
    /// A number whose caller pays nothing.
    TollFree,
    /// A number whose caller pays a part.
    SharedCost,
    /// A number on the internet.
    Voip,
    /// A pager.
    Pager,
    /// A voice mail box.
    Voicemail,
    /// A number that fits nothing in its plan, or that is in no region.
    Unknown,
}

impl NumberType {
    /// The types that plans describe, in the order in which a number is compared with them.
    pub(super) const IN_PLANS: [Self; 10] = [
        Self::PremiumRate,
        Self::TollFree,
        Self::SharedCost,
        Self::Voip,
        Self::PersonalNumber,
        Self::Pager,
        Self::Uan,
        Self::Voicemail,
        Self::FixedLine,
        Self::Mobile,
    ];

    /// The name by which the type is known outside: `fixed_line`, `mobile`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FixedLine => "fixed_line",
            Self::Mobile => "mobile",
            Self::FixedLineOrMobile => "fixed_line_or_mobile",
            Self::Uan => "uan",
            Self::PersonalNumber => "personal_number",
            Self::PremiumRate => "premium_rate",
            Self::TollFree => "toll_free",
            Self::SharedCost => "shared_cost",
            Self::Voip => "voip",
            Self::Pager => "pager",
            Self::Voicemail => "voicemail",
            Self::Unknown => "unknown",
        }
    }

    /// Whether messages may be sent to numbers of this type (`docs/spec/recipients.md` §2.3, step 6).
    pub(super) fn may_be_sent_to(self) -> bool {
        matches!(
            self,
            Self::FixedLine
                | Self::Mobile
                | Self::FixedLineOrMobile
                | Self::Uan
                | Self::PersonalNumber
        )
    }

    /// Whether a British number of this type is a landline to the permissions of a service
    /// (`docs/spec/recipients.md` §2.6).
    pub(super) fn is_landline(self) -> bool {
        matches!(self, Self::FixedLine | Self::FixedLineOrMobile | Self::Uan)
    }
}
