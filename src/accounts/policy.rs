//! What an e-mail address and a name may be.

use crate::{keys::policy::is_invisible, server::error::AppError};

const MAX_NAME: usize = 100;
/// RFC 5321 §4.5.3.1.3, less the angle brackets.
const MAX_EMAIL: usize = 254;

/// An address that mail can be sent to, without the blanks around it. ASCII alone, so that no two that look alike
/// are different: a domain with other characters is written in its `xn--` form (RFC 5890).
pub fn email(field: &str, text: &str) -> Result<String, AppError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AppError::field(field, "Type an e-mail address."));
    }
    if !text.is_ascii() {
        return Err(AppError::field(
            field,
            "Use ASCII characters only; write a domain that has others in its xn-- form.",
        ));
    }
    let sound = text.len() <= MAX_EMAIL
        && text.parse::<lettre::Address>().is_ok()
        && text
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.starts_with('"') && !domain.starts_with('['));
    if sound {
        Ok(text.to_owned())
    } else {
        Err(AppError::field(field, "That is not an e-mail address."))
    }
}

/// A person's or a workspace's name, without the blanks around it.
pub fn name(field: &str, text: &str) -> Result<String, AppError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NAME || text.chars().any(is_invisible) {
        return Err(AppError::field(
            field,
            format!("Use 1 to {MAX_NAME} characters without control characters."),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_address_is_one_that_mail_can_go_to() {
        for text in [
            "ada@example.test",
            " ada+keys@example.test ",
            "a.b-c_d@sub.example.test",
            "ada@xn--bcher-kva.example",
        ] {
            assert!(super::email("email", text).is_ok(), "{text:?}");
        }
        for text in [
            "",
            "ada",
            "@example.test",
            "ada@",
            "ada@@example.test",
            "ada@exa mple.test",
            "ada\n@example.test",
            "ada@example.test\r\nBcc: eve@example.test",
            "\u{430}da@example.test",
            "ada@b\u{fc}cher.example",
            "\"a b\"@example.test",
            "ada@[127.0.0.1]",
        ] {
            assert!(super::email("email", text).is_err(), "{text:?}");
        }
        let long = format!("{}@example.test", "a".repeat(250));
        assert!(super::email("email", &long).is_err());
    }

    #[test]
    fn a_name_shows_what_it_is() {
        assert_eq!(
            super::name("name", " Ada Lindqvist ").expect("sound"),
            "Ada Lindqvist"
        );
        for text in ["", "  ", "a\0b", "a\u{202e}b", "a\nb"] {
            assert!(super::name("name", text).is_err(), "{text:?}");
        }
        assert!(super::name("name", &"x".repeat(101)).is_err());
    }
}
