//! (in the making)
pub(crate) struct QrCode;
impl QrCode {
    pub(crate) fn of(_: &str) -> Option<Self> {
        Some(Self)
    }
    pub(crate) fn svg(&self) -> String {
        "<svg></svg>".to_owned()
    }
}
