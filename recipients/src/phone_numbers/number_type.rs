use serde::Deserialize;

/// Type of a number by its numbering plan (`docs/spec/recipients.md` §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberType {
    /// Landline.
    FixedLine,
    /// Mobile.
    Mobile,
    /// Either, in plans that do not distinguish them, such as the North American one.
    FixedLineOrMobile,
    /// Universal access number of a company: 03 and 055 in the UK.
    Uan,
    /// Personal number that forwards to its owner: 070 in the UK.
    PersonalNumber,
    /// Number with a surcharge.
    PremiumRate,
    /// Free for the caller.
    TollFree,
    /// Cost shared by caller and recipient.
    SharedCost,
    /// Internet telephony.
    Voip,
    /// Pager.
    Pager,
    /// Voice mail.
    Voicemail,
    /// Matches no type of its plan, or is in no region.
    Unknown,
}

impl NumberType {
    /// Types described by the plans, in the order of comparison.
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

    /// Returns the published name of the type: `fixed_line`, `mobile`, …
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

    /// Returns whether numbers of this type can receive messages (`docs/spec/recipients.md` §2.3, step 6).
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

    /// Returns whether a British number of this type needs the landline permission (`docs/spec/recipients.md` §2.6).
    pub(super) fn is_landline(self) -> bool {
        matches!(self, Self::FixedLine | Self::FixedLineOrMobile | Self::Uan)
    }
}
