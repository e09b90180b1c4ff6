use super::*;

const UK_ONLY: Permissions = Permissions {
    international: false,
    uk_landline: false,
};

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_mobile_is_read_and_written() {
    let mobile = number("+44 (0)7900 900-123");
    assert_eq!(mobile.normalised(), "447900900123");
    assert_eq!(mobile.human_readable(), "07900 900123");
    assert_eq!(mobile.number_type(), NumberType::Mobile);
    assert_eq!(mobile.rate_multiplier(), Some(1));
    assert_eq!(mobile.check(UK_ONLY), Ok(()));
}

#[test]
fn what_stands_wrongly_in_front_is_taken_off_at_the_second_attempt() {
    for text in [
        "+07900900123",
        "0+447900900123",
        "0000007900900123",
        "07900\t900123",
    ] {
        assert_eq!(number(text).normalised(), "447900900123", "{text}");
    }
}

#[test]
fn the_error_is_that_of_the_second_attempt() {
    assert_eq!(PhoneNumber::parse("+00+"), Err(PhoneError::TooShort));
    assert_eq!(
        PhoneNumber::parse("0790090012\n"),
        Err(PhoneError::UnknownCharacter)
    );
    assert_eq!(
        PhoneNumber::parse("07900 900 12x"),
        Err(PhoneError::UnknownCharacter)
    );
    assert_eq!(
        PhoneNumber::parse("079009001234567"),
        Err(PhoneError::TooLong)
    );
    assert_eq!(
        PhoneNumber::parse("0906 123 4567"),
        Err(PhoneError::InvalidNumber)
    );
}

#[test]
fn a_service_sends_where_it_may() {
    let (landline, french) = (number("020 7946 0871"), number("+33 6 12 98 76 54"));
    assert_eq!(landline.check(UK_ONLY), Err(PhoneError::NotAUkMobile));
    assert_eq!(french.check(UK_ONLY), Err(PhoneError::NotAUkMobile));
    assert_eq!(landline.check(Permissions::ALL), Ok(()));
    assert_eq!(french.check(Permissions::ALL), Ok(()));
    assert_eq!(
        number("+247 40120").check(Permissions::ALL),
        Err(PhoneError::UnsupportedCountryCode)
    );
}

#[test]
fn crown_dependencies_are_british_and_international() {
    let jersey = number("07797 712345");
    assert!(jersey.is_uk() && jersey.is_international() && jersey.is_crown_dependency());
    assert_eq!(jersey.rate_multiplier(), Some(2));
}

#[test]
fn a_number_kept_for_drama_is_at_home() {
    let drama = number("07700 900123");
    assert!(drama.is_tv_number() && !drama.is_international());
}

#[test]
fn an_area_with_a_rate_of_its_own_has_its_own_prefix() {
    assert_eq!(number("+1 242 359 1234").country_prefix(), "1242");
    assert_eq!(number("+1 202 555 0147").country_prefix(), "1");
}

#[test]
fn short_codes_are_contact_numbers_only() {
    assert!(PhoneNumber::parse("111").is_err());
    assert_eq!(
        PhoneNumber::parse_service_contact("111").map(|number| number.normalised()),
        Ok("44111".into())
    );
    assert_eq!(
        PhoneNumber::parse_service_contact("999"),
        Err(PhoneError::UnsupportedEmergencyNumber)
    );
}

#[test]
fn a_number_does_not_show_in_logs() {
    assert_eq!(
        format!("{:?}", number("07900900123")),
        "PhoneNumber(+44 (10 digits))"
    );
}

#[test]
fn a_uk_number_with_a_digit_too_many_is_not_sent_abroad() {
    for text in [
        "079009001234",
        "07700 900 1234",
        "(0)7900 9001234",
        " 0 79009001234",
        "0161 496 00001",
    ] {
        assert_eq!(
            PhoneNumber::parse_recipient(text),
            Err(PhoneError::TooLong),
            "{text}"
        );
    }
    for (text, normalised) in [
        ("79009001234", "79009001234"),
        ("+79009001234", "79009001234"),
        ("0079009001234", "79009001234"),
        ("07900900123", "447900900123"),
        ("0447900900123", "447900900123"),
        ("0+447900900123", "447900900123"),
    ] {
        let number = PhoneNumber::parse_recipient(text).expect(text);
        assert_eq!(number.normalised(), normalised, "{text}");
    }
}
