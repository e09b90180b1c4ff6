use thiserror::Error;

/// Problem of an address, with the API's message (`docs/spec/recipients.md` §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum AddressError {
    /// Fewer than three lines.
    #[error("Address must be at least 3 lines")]
    TooFewLines,
    /// More lines than fit the window of an envelope.
    #[error("Address must be no more than 7 lines")]
    TooManyLines,
    /// One of the first two lines has no letter or digit.
    #[error(
        "The first 2 lines of the address must both include at least one alphanumeric character"
    )]
    FirstLinesWithoutAlphanumericCharacter,
    /// A BFPO address names a country.
    #[error("The last line of a BFPO address must not be a country.")]
    CountryInBfpoAddress,
    /// The last line is no postcode and no country; international letters are allowed.
    #[error("Last line of address must be a real UK postcode or another country")]
    NeitherPostcodeNorCountry,
    /// The last line is no postcode; international letters are not allowed.
    #[error("Must be a real UK postcode")]
    NoPostcode,
    /// A line begins with a character that the print provider cannot process.
    #[error(
        "Address lines must not start with any of the following characters: @ ( ) = [ ] ” \\ / , < >"
    )]
    InvalidCharacters,
    /// The address says "no fixed abode".
    #[error("Must be a real address")]
    NoFixedAbode,
}
