use serde_json::json;

use super::*;

fn address(text: &str) -> PostalAddress {
    PostalAddress::from_text(text, true)
}

#[test]
fn lines_are_cleaned_up() {
    let address = address(" Ms P  Okafor ,\n\n14\tLarkspur Way .\nne461qd\n");
    assert_eq!(
        address.normalised_lines(),
        ["Ms P Okafor", "14 Larkspur Way.", "NE46 1QD"]
    );
    assert_eq!(
        address.as_single_line(),
        "Ms P Okafor, 14 Larkspur Way., NE46 1QD"
    );
    assert!(address.is_valid());
}

#[test]
fn nothing_is_one_empty_line() {
    let address = address(" ,\u{200B}\n");
    assert_eq!(address.normalised_lines(), [""]);
    assert!(address.is_empty());
    assert_eq!(address.line_count(), 0);
    assert_eq!(address.error(), Some(AddressError::TooFewLines));
}

#[test]
fn names_of_home_go_and_other_countries_are_named_in_full() {
    assert_eq!(
        address("A\nB\nN1 1AA\nEngland\nUK").normalised(),
        "A\nB\nN1 1AA"
    );
    assert_eq!(
        address("A\nEngland\nB\nN1 1AA\nUK").normalised(),
        "A\nEngland\nB"
    );
    assert_eq!(
        address("A\nB\ncote d'ivoire").normalised(),
        "A\nB\nIvory Coast"
    );
    assert_eq!(address("UK").normalised_lines(), [] as [&str; 0]);
    assert_eq!(address("UK").as_personalisation(), None);
}

#[test]
fn a_forces_address_ends_in_its_number() {
    let address = address("Sgt P Okafor\nBFPO c/o\nbfpo 0012\nbf1 3aa");
    assert_eq!(
        address.normalised_lines(),
        ["Sgt P Okafor", "BF1 3AA", "BFPO 12"]
    );
    assert_eq!(
        address.bfpo_address_lines(),
        Some(&["Sgt P Okafor".to_owned()][..])
    );
    let values = address.as_personalisation().unwrap();
    assert_eq!(
        (&values["address_line_6"], &values["address_line_7"]),
        (&json!("BF1 3AA"), &json!("BFPO 12"))
    );
}

#[test]
fn a_forces_address_of_nothing_else_is_wrong_and_no_more() {
    assert_eq!(address("BFPO 12").normalised_lines(), ["BFPO 12"]);
    assert_eq!(address("BFPO 12").error(), Some(AddressError::TooFewLines));
}

#[test]
fn the_first_thing_that_is_wrong_is_told() {
    for (text, error) in [
        ("A\nN1 1AA", AddressError::TooFewLines),
        ("1\n2\n3\n4\n5\n6\n7\nN1 1AA", AddressError::TooManyLines),
        (
            "A\n-\nN1 1AA",
            AddressError::FirstLinesWithoutAlphanumericCharacter,
        ),
        ("A\nB\nBFPO 1\nFrance", AddressError::CountryInBfpoAddress),
        ("A\nB\nnowhere", AddressError::NeitherPostcodeNorCountry),
        ("A\n(B\nN1 1AA", AddressError::InvalidCharacters),
        (
            "A\nNo F\u{131}xed Addre\u{17F}s\nN1 1AA",
            AddressError::NoFixedAbode,
        ),
        ("A\nnfa\nN1 1AA", AddressError::NoFixedAbode),
    ] {
        assert_eq!(address(text).error(), Some(error), "{text}");
    }
    let at_home = PostalAddress::from_text("A\nB\nFrance", false);
    assert_eq!(at_home.error(), Some(AddressError::NoPostcode));
}

#[test]
fn data_gives_seven_lines() {
    let text = |values: serde_json::Value| {
        PostalAddress::text_of_personalisation(values.as_object().unwrap())
    };
    assert_eq!(
        text(json!({"Address Line 1": "A", "address_line_2": 2.5, "POST-code": "N1"})),
        "A\n2.5\n\n\n\n\nN1"
    );
    assert_eq!(
        text(json!({"address_line_7": null, "postcode": "N1"})),
        "\n\n\n\n\n\n"
    );
    assert_eq!(
        text(json!({"addressline1": ["a", null, 1], "addressline2": true})),
        "['a', None, 1]\nTrue\n\n\n\n\n"
    );
    assert_eq!(
        text(json!({"addressline1": "a", "address_line_1": 0})),
        "\n\n\n\n\n\n"
    );
}

#[test]
fn the_wording_is_that_of_the_api() {
    assert_eq!(
        AddressError::TooFewLines.to_string(),
        "Address must be at least 3 lines"
    );
    assert!(
        AddressError::InvalidCharacters
            .to_string()
            .ends_with("@ ( ) = [ ] ” \\ / , < >")
    );
}

proptest::proptest! {
    #[test]
    fn any_text_at_all_gives_an_address_that_cleaning_up_again_leaves_alone(text in "(?s:.*)") {
        let address = PostalAddress::from_text(&text, true);
        address.error();
        let lines = address.normalised_lines();
        proptest::prop_assert!(lines.iter().all(|line| text::normalise_spaces(line) == *line));
    }
}

#[test]
fn what_is_no_text_is_written_on_one_line() {
    let values = json!({"address line 1": ["1\n2", null, "it's"], "address line 2": 7, "address line 3": true});
    assert_eq!(
        PostalAddress::text_of_personalisation(values.as_object().unwrap()),
        "['1\\n2', None, \"it's\"]\n7\nTrue\n\n\n\n"
    );
}
