use thiserror::Error;

/// What is wrong with an address, in the words of the API (`docs/spec/recipients.md` §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum AddressError {
    /// It has one or two lines, or none.
    #[error("Address must be at least 3 lines")]
    TooFewLines,
    /// It has more lines than an envelope's window shows.
    #[error("Address must be no more than 7 lines")]
    TooManyLines,
    /// One of its first two lines has neither letter nor digit.
    #[error(
        "The first 2 lines of the address must both include at least one alphanumeric character"
    )]
    FirstLinesWithoutAlphanumericCharacter,
    /// It is a BFPO address and names a country.
    #[error("The last line of a BFPO address must not be a country.")]
    CountryInBfpoAddress,
    /// It ends in neither, and letters to other countries are allowed.
    #[error("Last line of address must be a real UK postcode or another country")]
    NeitherPostcodeNorCountry,
    /// It does not end in a postcode, and letters to other countries are not allowed.
    #[error("Must be a real UK postcode")]
    NoPostcode,
    /// One of its lines begins with a character that printing machines stumble over.
    #[error(
        "Address lines must not start with any of the following characters: @ ( ) = [ ] ” \\ / , < >"
    )]
    InvalidCharacters,
    /// It says that the recipient has no address.
    #[error("Must be a real address")]
    NoFixedAbode,
}
