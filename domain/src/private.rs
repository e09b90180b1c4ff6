use std::fmt;

/// Personal data or a secret. Its `Debug` output is always `(private)`, so that no log line can leak the value, and
/// every use of [`Private::reveal`] is visible in a review.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value that must not be printed.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Returns the value. Call it only where the plain value is needed.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Returns the value and drops the wrapper.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Private<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(private)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_values_never_print() {
        assert_eq!(format!("{:?}", Private::new("07700 900123")), "(private)");
    }
}
