/// Where random bytes come from. The process asks the operating system; tests seed theirs.
pub trait RandomSource: Send + Sync + std::fmt::Debug {
    /// Fills the whole slice with bytes that nobody can foretell.
    fn fill(&self, bytes: &mut [u8]);
}
