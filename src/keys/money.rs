//! Amounts as people write and read them; kept as whole numbers of a currency's minor unit.

use crate::{profiles::Currency, ui::time};

/// Reads an amount such as `100,000.50`. Says what is wrong with it otherwise.
pub fn parse(text: &str, currency: &Currency) -> Result<i64, String> {
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !matches!(c, ',' | '_' | ' ' | '\u{a0}' | '\u{202f}'))
        .collect();
    if text.starts_with('-') {
        return Err("An amount can't be negative.".to_owned());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err("Write the amount as a number: 100,000.".to_owned());
    }
    let places = usize::from(currency.exponent);
    if fraction.len() > places {
        return Err(match places {
            0 => format!("{} has no fractions.", currency.id),
            _ => format!("{} has {places} digits after the point.", currency.id),
        });
    }
    let amount: i64 = format!("{whole}{fraction:0<places$}")
        .parse()
        .map_err(|_| "That is more than can be kept. Write a smaller amount.".to_owned())?;
    if amount == 0 {
        return Err("Write an amount above zero, or leave it empty for no limit.".to_owned());
    }
    Ok(amount)
}

/// `NGN 100,000.00`.
pub fn words(amount: i64, currency: &Currency) -> String {
    time::money(amount, &currency.id, u32::from(currency.exponent))
}

/// `100,000.00`, as a field takes it back.
pub fn plain(amount: i64, currency: &Currency) -> String {
    let words = words(amount, currency);
    words.rsplit(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert_eq, proptest};

    use super::*;
    use crate::profiles::CurrencyKind;

    fn currency(exponent: u8) -> Currency {
        Currency {
            id: "NGN".to_owned(),
            kind: CurrencyKind::Fiat,
            exponent,
        }
    }

    #[test]
    fn amounts_are_read_as_people_write_them() {
        assert_eq!(parse("100,000", &currency(2)), Ok(10_000_000));
        assert_eq!(parse(" 0.5 ", &currency(2)), Ok(50));
        assert_eq!(parse("7", &currency(0)), Ok(7));
        assert_eq!(parse("0.00000001", &currency(8)), Ok(1));
        assert_eq!(words(10_000_000, &currency(2)), "NGN 100,000.00");
        assert_eq!(words(5, &currency(2)), "NGN 0.05");
    }

    #[test]
    fn what_is_no_amount_says_why() {
        for (text, exponent, words) in [
            ("-1", 2, "negative"),
            ("1.005", 2, "2 digits"),
            ("1.5", 0, "no fractions"),
            ("92233720368547758.08", 2, "smaller"),
            ("1e5", 2, "as a number"),
            ("", 2, "as a number"),
            ("0", 2, "above zero"),
            ("\u{664}", 2, "as a number"),
        ] {
            let error = parse(text, &currency(exponent)).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(amount in 1..=i64::MAX, exponent in 0_u8..=8) {
            let currency = currency(exponent);
            prop_assert_eq!(parse(&words(amount, &currency)[4..], &currency), Ok(amount));
            prop_assert_eq!(parse(&plain(amount, &currency), &currency), Ok(amount));
        }
    }
}
