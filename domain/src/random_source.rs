/// Source of random bytes. A process uses the operating system's; tests use a seeded one.
pub trait RandomSource: Send + Sync + std::fmt::Debug {
    /// Fills the whole slice with cryptographically secure random bytes.
    fn fill(&self, bytes: &mut [u8]);
}
