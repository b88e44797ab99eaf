//! Scopes: what is granted to a key, and the expression that a request asks for.
//!
//! `customers:read`, `customers:read AND (invoices:read OR invoices:write)`. `AND` binds tighter than `OR`. Granted,
//! `customers:*` covers every scope of customers and `*` covers all; asked for, `customers:*` means any of them.

/// Longest expression read; a sentence of the whole catalogue fits.
const MAX_LENGTH: usize = 2048;
/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 16;

/// What a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Scope(String),
    All(Vec<Asked>),
    Any(Vec<Asked>),
}

/// The expression cannot be read; says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scope: {0}")]
pub struct Unreadable(String);

impl Asked {
    pub fn parse(text: &str) -> Result<Self, Unreadable> {
        if text.len() > MAX_LENGTH {
            return Err(Unreadable(format!("longer than {MAX_LENGTH} bytes")));
        }
        let words = words(text)?;
        let mut rest = words.as_slice();
        let asked = any(&mut rest, 0)?;
        match rest.first() {
            None => Ok(asked),
            Some(word) => Err(Unreadable(format!("`{word}` is not expected there"))),
        }
    }

    /// Whether this scope is among those that are asked about.
    pub fn names(&self, scope: &str) -> bool {
        match self {
            Self::Scope(asked) => covers(asked, scope),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.names(scope)),
        }
    }

    /// Whether what is granted suffices.
    pub fn covered_by(&self, granted: &[String]) -> bool {
        match self {
            Self::Scope(asked) => covered(asked, granted),
            Self::All(all) => all.iter().all(|asked| asked.covered_by(granted)),
            Self::Any(any) => any.iter().any(|asked| asked.covered_by(granted)),
        }
    }
}

/// Whether one of what is granted suffices for this one scope.
pub fn covered(asked: &str, granted: &[String]) -> bool {
    granted.iter().any(|granted| covers(granted, asked))
}

fn covers(granted: &str, asked: &str) -> bool {
    if granted == asked || granted == "*" {
        return true;
    }
    let wildcard = |scope: &str, other: &str| {
        scope.strip_suffix('*').is_some_and(|prefix| {
            prefix.ends_with(':') && other.len() > prefix.len() && other.starts_with(prefix)
        })
    };
    wildcard(granted, asked) || wildcard(asked, granted) || asked == "*"
}

/// Splits into parentheses and words of the characters that scope ids are made of.
fn words(text: &str) -> Result<Vec<&str>, Unreadable> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if matches!(first, '(' | ')') {
            1
        } else {
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.:*".contains(c)))
                .unwrap_or(rest.len())
        };
        if length == 0 {
            return Err(Unreadable(format!("{first:?} does not belong in a scope")));
        }
        let (word, after) = rest.split_at(length);
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

fn any(words: &mut &[&str], depth: usize) -> Result<Asked, Unreadable> {
    let mut parts = vec![all(words, depth)?];
    while take(words, "OR") {
        parts.push(all(words, depth)?);
    }
    Ok(one_or(parts, Asked::Any))
}

fn all(words: &mut &[&str], depth: usize) -> Result<Asked, Unreadable> {
    let mut parts = vec![single(words, depth)?];
    while take(words, "AND") {
        parts.push(single(words, depth)?);
    }
    Ok(one_or(parts, Asked::All))
}

fn single(words: &mut &[&str], depth: usize) -> Result<Asked, Unreadable> {
    if depth > MAX_DEPTH {
        return Err(Unreadable("nested too deeply".to_owned()));
    }
    let Some((first, rest)) = words.split_first() else {
        return Err(Unreadable("a scope is missing at the end".to_owned()));
    };
    *words = rest;
    match *first {
        "(" => {
            let inner = any(words, depth + 1)?;
            if take(words, ")") {
                Ok(inner)
            } else {
                Err(Unreadable("a `)` is missing".to_owned()))
            }
        }
        ")" | "AND" | "OR" => Err(Unreadable(format!("a scope is missing before `{first}`"))),
        scope => Ok(Asked::Scope(scope.to_owned())),
    }
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

fn one_or(mut parts: Vec<Asked>, many: impl FnOnce(Vec<Asked>) -> Asked) -> Asked {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        many(parts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn covered(asked: &str, granted: &[&str]) -> bool {
        let granted: Vec<String> = granted.iter().map(|s| (*s).to_owned()).collect();
        Asked::parse(asked).expect("readable").covered_by(&granted)
    }

    #[test]
    fn and_binds_tighter_than_or() {
        assert!(covered("a:x OR b:x AND c:x", &["a:x"]));
        assert!(!covered("(a:x OR b:x) AND c:x", &["a:x"]));
        assert!(covered("(a:x OR b:x) AND c:x", &["b:x", "c:x"]));
    }

    #[test]
    fn wildcards_cover_and_ask() {
        assert!(covered("customers:read", &["customers:*"]));
        assert!(covered("customers:*", &["customers:read"]));
        assert!(covered("anything:read", &["*"]));
        assert!(!covered("customers:read", &["invoices:*"]));
        assert!(!covered("customers_all:read", &["customers:*"]));
        assert!(!covered("customers:", &["customers:*"]));
        assert!(!covered("customers:*", &[]));
    }

    #[test]
    fn what_cannot_be_read_says_where() {
        for text in [
            "", "AND", "a:x AND", "(a:x", "a:x)", "a:x b:x", "a;x", "a:x\0",
        ] {
            assert!(Asked::parse(text).is_err(), "{text:?}");
        }
        assert!(Asked::parse(&"(".repeat(2000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: String) {
            let _ = Asked::parse(&text);
        }
    }
}
