//! What amount a call moves, read from where its rule says that it stands. Pure.
//!
//! An amount is read digit by digit from the text as it was sent, never through a floating-point number. What the
//! platform behind might read as another amount than is read here (a field sent twice, or under another spelling that
//! some parsers take for the same) is refused rather than guessed.

use std::fmt;

use axum::http::{HeaderMap, header};
use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::form::Form;
use crate::profiles::{AmountIn, AmountPlace, AmountUnit, Currency, Profile};

/// An amount in minor units of a currency, which may be one that the profile does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    pub value: i64,
    pub currency: String,
}

/// Why no amount can be made of what was sent, in words for its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    Malformed(String),
    /// The amount cannot be told without knowing the currency.
    UnknownCurrency(String),
}

/// A value as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Number(String),
    Text(String),
    /// An object, a list, `true`, `null`.
    Other,
}

/// What stands under the two names, if anything does.
#[derive(Debug, Default)]
struct Found {
    amount: Option<Token>,
    currency: Option<Token>,
}

/// The amount of a call whose body is this; none if it names none. `form` holds the body's fields if it is a form.
pub fn read(
    place: &AmountPlace,
    profile: &Profile,
    headers: &HeaderMap,
    form: &Form,
    body: &[u8],
) -> Result<Option<Amount>, Unread> {
    let found = match place.within {
        AmountIn::Form => in_form(place, form.fields())?,
        AmountIn::Json if body.is_empty() => Found::default(),
        AmountIn::Json if !is_json(headers) => {
            return Err(malformed(
                "Send this call's body as JSON, with Content-Type: application/json.",
            ));
        }
        AmountIn::Json => in_json(place, body)?,
    };
    let Some(amount) = found.amount else {
        return Ok(None);
    };
    let named = match found.currency {
        Some(Token::Text(named)) => Some(named),
        None => None,
        Some(Token::Number(_) | Token::Other) => {
            return Err(malformed(format!(
                "{} must be the code of a currency.",
                place.currency_name()
            )));
        }
    };
    let Some(currency) = named.or_else(|| place.default_currency.clone()) else {
        return Err(malformed(format!(
            "Say the currency of the amount in {}.",
            place.currency_name()
        )));
    };
    let known = profile.currency(&currency);
    let digits = match &amount {
        Token::Number(digits) | Token::Text(digits) => digits,
        Token::Other => return Err(malformed(not_a_number(place, known))),
    };
    let places = match (place.unit, known) {
        (AmountUnit::Minor, _) => 0,
        (AmountUnit::Major, Some(known)) => usize::from(known.exponent),
        (AmountUnit::Major, None) => return Err(Unread::UnknownCurrency(currency)),
    };
    let value = exact(digits, places).map_err(|wrong| match wrong {
        Wrong::Negative => malformed(format!("{} can't be negative.", place.field)),
        Wrong::TooLarge => malformed(format!("{} is more than can be kept.", place.field)),
        Wrong::NotANumber => malformed(not_a_number(place, known)),
    })?;
    Ok(Some(Amount { value, currency }))
}

fn malformed(message: impl Into<String>) -> Unread {
    Unread::Malformed(message.into())
}

fn not_a_number(place: &AmountPlace, currency: Option<&Currency>) -> String {
    match (place.unit, currency) {
        (AmountUnit::Major, Some(currency)) if currency.exponent > 0 => format!(
            "{} must be a number with at most {} digits after the point.",
            place.field, currency.exponent
        ),
        _ => format!(
            "{} must be a whole number, without sign, point or exponent.",
            place.field
        ),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Negative,
    TooLarge,
    NotANumber,
}

/// `1250.5` with two places is 125050. Nothing is rounded: a digit too many is no number.
pub fn exact(text: &str, places: usize) -> Result<i64, Wrong> {
    if text.starts_with('-') {
        return Err(Wrong::Negative);
    }
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return Err(Wrong::NotANumber),
        Some(parts) => parts,
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    // "007" is octal to some.
    let padded = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || padded || !digits(whole) || !digits(fraction) || fraction.len() > places
    {
        return Err(Wrong::NotANumber);
    }
    let mut value: i64 = 0;
    let zeros = std::iter::repeat_n(b'0', places - fraction.len());
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i64::from(digit - b'0')))
            .ok_or(Wrong::TooLarge)?;
    }
    Ok(value)
}

/// RFC 9110 §8.3.1, and the suffix of RFC 6839. A body that says nothing of itself is taken for what it should be.
fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(kind) = kinds.next() else {
        return true;
    };
    let essence = kind.to_str().unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    kinds.next().is_none() && (essence == "application/json" || essence.ends_with("+json"))
}

fn in_form<'a>(
    place: &AmountPlace,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Found, Unread> {
    let mut found = Found::default();
    for (name, value) in fields {
        if let Some(slot) = slot(place, &mut found, name)? {
            *slot = Some(Token::Text(value.to_owned()));
        }
    }
    Ok(found)
}

fn in_json(place: &AmountPlace, body: &[u8]) -> Result<Found, Unread> {
    let mut found = Found::default();
    let mut wrong = None;
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Fields {
        place,
        found: &mut found,
        wrong: &mut wrong,
    }
    .deserialize(&mut reader)
    .and_then(|()| reader.end());
    match (read, wrong) {
        (_, Some(wrong)) => Err(wrong),
        (Err(_), None) => Err(malformed(
            "The body is not the JSON object that this call takes.",
        )),
        (Ok(()), None) => Ok(found),
    }
}

/// Where the value of a field of this name belongs; none if it is neither of the two.
fn slot<'f>(
    place: &AmountPlace,
    found: &'f mut Found,
    name: &str,
) -> Result<Option<&'f mut Option<Token>>, Unread> {
    let (field, slot) = if alike(name, &place.field) {
        (place.field.as_str(), &mut found.amount)
    } else if let Some(field) = place.currency.as_deref().filter(|field| alike(name, field)) {
        (field, &mut found.currency)
    } else {
        return Ok(None);
    };
    if name != field {
        return Err(malformed(format!("Write the field {field} exactly so.")));
    }
    if slot.is_some() {
        return Err(malformed(format!(
            "The field {field} is sent twice; send it once."
        )));
    }
    Ok(Some(slot))
}

/// Whether some platform may take the name for the field: by another case, as an element of a list, or cut short.
fn alike(name: &str, field: &str) -> bool {
    fn folded(text: &str) -> String {
        text.to_uppercase().to_lowercase()
    }
    let end = name.find(['[', '\0']).unwrap_or(name.len());
    let name = name[..end].trim();
    name == field || folded(name) == folded(field)
}

/// Takes the two fields out of a JSON object and skips the rest.
struct Fields<'a> {
    place: &'a AmountPlace,
    found: &'a mut Found,
    /// What is wrong with a field; the reader's own errors are about JSON alone.
    wrong: &'a mut Option<Unread>,
}

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match slot(self.place, self.found, &name) {
                Ok(Some(slot)) => *slot = Some(token(map.next_value::<&RawValue>()?)),
                Ok(None) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Err(wrong) => {
                    map.next_value::<IgnoredAny>()?;
                    self.wrong.get_or_insert(wrong);
                }
            }
        }
        Ok(())
    }
}

fn token(raw: &RawValue) -> Token {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => Token::Number(text.to_owned()),
        Some(b'"') => serde_json::from_str(text).map_or(Token::Other, Token::Text),
        _ => Token::Other,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::{prop_assert_eq, proptest};

    use super::*;

    fn profile() -> Profile {
        Profile::load("dual-mode").expect("sound")
    }

    fn place(text: &str) -> AmountPlace {
        toml::from_str(text).expect("sound")
    }

    const MINOR: &str =
        "field = \"amount\"\ncurrency = \"currency\"\nin = \"json\"\nunit = \"minor\"";
    const MAJOR: &str =
        "field = \"amount\"\ncurrency = \"currency\"\nin = \"json\"\nunit = \"major\"";

    fn json(place_text: &str, body: &str) -> Result<Option<(i64, String)>, Unread> {
        let amount = read(
            &place(place_text),
            &profile(),
            &HeaderMap::new(),
            &Form::default(),
            body.as_bytes(),
        );
        amount.map(|amount| amount.map(|amount| (amount.value, amount.currency)))
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "it is compared with what reading gives"
    )]
    fn eur(value: i64) -> Result<Option<(i64, String)>, Unread> {
        Ok(Some((value, "EUR".to_owned())))
    }

    #[test]
    fn whole_numbers_of_the_minor_unit_are_taken_as_they_are() {
        for (written, value) in [
            ("0", 0),
            ("1", 1),
            ("125050", 125_050),
            ("\"125050\"", 125_050),
            ("9223372036854775807", i64::MAX),
        ] {
            let body = format!(r#"{{"to":{{"amount":7}},"amount": {written} ,"currency":"EUR"}}"#);
            assert_eq!(json(MINOR, &body), eur(value), "{written}");
        }
        // Whether the currency is one that the key moves is the limits' to say.
        assert_eq!(
            json(MINOR, r#"{"amount":1,"currency":"XXX"}"#),
            Ok(Some((1, "XXX".to_owned())))
        );
        assert_eq!(json(MINOR, r#"{"currency":"EUR"}"#), Ok(None));
        assert_eq!(json(MINOR, "{}"), Ok(None));
        assert_eq!(json(MINOR, ""), Ok(None));
    }

    #[test]
    fn decimals_of_the_major_unit_are_read_exactly() {
        for (written, value) in [
            ("1250", 125_000),
            ("1250.5", 125_050),
            ("\"1250.00\"", 125_000),
            ("0.1", 10),
            ("0.07", 7),
            // Read as a double this would be another number.
            ("90071992547409.93", 9_007_199_254_740_993),
        ] {
            let body = format!(r#"{{"amount":{written},"currency":"EUR"}}"#);
            assert_eq!(json(MAJOR, &body), eur(value), "{written}");
        }
        let btc = json(MAJOR, r#"{"amount":"0.00000001","currency":"BTC"}"#);
        assert_eq!(btc, Ok(Some((1, "BTC".to_owned()))));
        let unknown = json(MAJOR, r#"{"amount":"1","currency":"XXX"}"#);
        assert_eq!(unknown, Err(Unread::UnknownCurrency("XXX".to_owned())));
    }

    #[test]
    fn what_is_no_exact_amount_is_refused_in_words() {
        for (place, written, words) in [
            (MINOR, "-1", "negative"),
            (MINOR, "\"-1\"", "negative"),
            (MINOR, "-0", "negative"),
            (MINOR, "1.0", "whole number"),
            (MINOR, "1e3", "whole number"),
            (MINOR, "1E400", "whole number"),
            (MINOR, "\"+1\"", "whole number"),
            (MINOR, "\" 1\"", "whole number"),
            (MINOR, "\"\"", "whole number"),
            (MINOR, "\"007\"", "whole number"),
            (MINOR, "\"1,000\"", "whole number"),
            (MINOR, "\"\u{661}\"", "whole number"),
            (MINOR, "null", "whole number"),
            (MINOR, "true", "whole number"),
            (MINOR, "[1]", "whole number"),
            (MINOR, "{\"value\":1}", "whole number"),
            (MINOR, "9223372036854775808", "more than can be kept"),
            (
                MINOR,
                "99999999999999999999999999999999999999",
                "more than can be kept",
            ),
            (MAJOR, "92233720368547758.08", "more than can be kept"),
            (MAJOR, "1.005", "2 digits"),
            (MAJOR, "1.", "JSON object"),
            (MAJOR, "\"1.\"", "2 digits"),
            (MAJOR, "\".5\"", "2 digits"),
            (MAJOR, "1e2", "2 digits"),
            (MAJOR, "\"1.0.0\"", "2 digits"),
        ] {
            let body = format!(r#"{{"amount":{written},"currency":"EUR"}}"#);
            match json(place, &body) {
                Err(Unread::Malformed(message)) => {
                    assert!(message.contains(words), "{written}: {message}");
                }
                other => panic!("{written}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_another_parser_may_read_otherwise_is_refused() {
        for (body, words) in [
            (r#"{"amount":1,"amount":1,"currency":"EUR"}"#, "twice"),
            (
                r#"{"amount":1,"\u0061mount":900,"currency":"EUR"}"#,
                "twice",
            ),
            (r#"{"amount":1,"currency":"EUR","currency":"BTC"}"#, "twice"),
            (r#"{"amount":1,"Amount":900,"currency":"EUR"}"#, "exactly"),
            (r#"{"AMOUNT":900,"currency":"EUR"}"#, "exactly"),
            (
                r#"{"amount":1,"amount\u0000":9,"currency":"EUR"}"#,
                "exactly",
            ),
            (r#"{"amount":1,"currency":7}"#, "code of a currency"),
            (r#"{"amount":1,"currency":null}"#, "code of a currency"),
            (r#"{"amount":1}"#, "Say the currency"),
            (
                r#"{"amount":1,"currency":"EUR"} {"amount":900}"#,
                "JSON object",
            ),
            (r#"[{"amount":1,"currency":"EUR"}]"#, "JSON object"),
            (r#"{"amount":1,"currency":"EUR""#, "JSON object"),
            ("amount=1&currency=EUR", "JSON object"),
            ("\u{feff}{\"amount\":1}", "JSON object"),
        ] {
            match json(MINOR, body) {
                Err(Unread::Malformed(message)) => {
                    assert!(message.contains(words), "{body}: {message}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        let other_kind = read(
            &place(MINOR),
            &profile(),
            &headers,
            &Form::default(),
            br#"{"amount":1}"#,
        );
        assert!(
            matches!(other_kind, Err(Unread::Malformed(message)) if message.contains("Content-Type"))
        );
    }

    #[test]
    fn a_form_says_the_amount_in_a_field_and_the_profile_its_currency() {
        let place = place(
            "field = \"amount\"\nin = \"form\"\nunit = \"major\"\ndefault_currency = \"NGN\"",
        );
        let read = |fields: &[(&str, &str)]| {
            let form = super::super::form::tests::form(fields);
            read(&place, &profile(), &HeaderMap::new(), &form, b"ignored")
        };
        let ngn = |value| {
            Ok(Some(Amount {
                value,
                currency: "NGN".to_owned(),
            }))
        };
        assert_eq!(read(&[("action", "add"), ("amount", "500")]), ngn(50_000));
        assert_eq!(
            read(&[("currency", "BTC"), ("amount", "0.5")]),
            ngn(50),
            "no field of this call names one"
        );
        assert_eq!(read(&[("action", "add")]), Ok(None));
        for fields in [
            &[("amount", "1"), ("amount", "2")][..],
            &[("amount[]", "1")][..],
            &[(" amount", "1")][..],
            &[("amount", "")][..],
            &[("amount", "abc")][..],
        ] {
            assert!(
                matches!(read(fields), Err(Unread::Malformed(_))),
                "{fields:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_with_a_point_is_the_same_amount(value in 0..=i64::MAX, places in 0_usize..=8) {
            let unit = 10_i64.pow(u32::try_from(places).unwrap_or(0));
            let written = match places {
                0 => value.to_string(),
                _ => format!("{}.{:0places$}", value / unit, value % unit),
            };
            prop_assert_eq!(exact(&written, places), Ok(value));
        }

        #[test]
        fn no_body_is_too_strange_to_be_answered(body in ".*") {
            let _ = json(MAJOR, &body);
            let _ = json(MINOR, &format!(r#"{{"amount":{body},"currency":"EUR"}}"#));
        }
    }
}
