//! Where in a profile's text something stands, so that an error can name the line and the field.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

/// A value of the text: the way to it, and the bytes of its name and of itself.
struct Place {
    /// `environments.1.prefix`: tables by name, lists by number.
    path: String,
    name: Option<Range<usize>>,
    value: Range<usize>,
}

/// What is wrong with a profile whose every part could be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The value that is to be changed, or would have to be there, as in [`Place::path`].
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Wrong {
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// `line N: field: what is wrong`, for what a check found.
pub fn wrong(text: &str, wrong: &Wrong) -> String {
    let places = places(text);
    // What is missing has no place of its own; what it is missing from has.
    let mut path = wrong.path.as_str();
    let start = loop {
        if let Some(place) = places.iter().find(|place| place.path == path) {
            break place.name.as_ref().unwrap_or(&place.value).start;
        }
        match path.rsplit_once('.') {
            Some((above, _)) => path = above,
            None => break 0,
        }
    };
    format!(
        "line {}: {}: {}",
        line(text, start),
        field(&wrong.path),
        wrong.message
    )
}

/// The same for what the reader of TOML found.
pub fn unreadable(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim();
    let span = error.span().unwrap_or(0..0);
    let line = line(text, span.start);
    let mut path = places(text)
        .into_iter()
        .filter(|place| place.contains(&span))
        .min_by_key(|place| place.value.len())
        .map(|place| place.path)
        .unwrap_or_default();
    let message = match message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        Some(name) => {
            path = format!("{path}.{name}");
            "is missing; no profile can do without"
        }
        None => message,
    };
    match field(&path) {
        field if field.is_empty() => format!("line {line}: {message}"),
        field => format!("line {line}: {field}: {message}"),
    }
}

impl Place {
    fn contains(&self, span: &Range<usize>) -> bool {
        let within = |range: &Range<usize>| range.start <= span.start && span.end <= range.end;
        within(&self.value) || self.name.as_ref().is_some_and(within)
    }
}

/// The way to a field as a person writes it; the line says which of several it is.
fn field(path: &str) -> String {
    let names: Vec<&str> = path
        .split('.')
        .filter(|step| !step.is_empty() && !step.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    names.join(".")
}

fn line(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    1 + before.matches('\n').count()
}

/// Every value of the text; none if it is no TOML.
fn places(text: &str) -> Vec<Place> {
    let mut found = Vec::new();
    if let Ok(table) = DeTable::parse(text) {
        table_places("", table.get_ref(), &mut found);
    }
    found
}

fn table_places(above: &str, table: &DeTable<'_>, found: &mut Vec<Place>) {
    for (name, value) in table {
        let path = if above.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{above}.{}", name.get_ref())
        };
        value_places(path, Some(name.span()), value, found);
    }
}

fn list_places(above: &str, list: &DeArray<'_>, found: &mut Vec<Place>) {
    for (i, value) in list.iter().enumerate() {
        value_places(format!("{above}.{i}"), None, value, found);
    }
}

fn value_places(
    path: String,
    name: Option<Range<usize>>,
    value: &Spanned<DeValue<'_>>,
    found: &mut Vec<Place>,
) {
    match value.get_ref() {
        DeValue::Table(table) => table_places(&path, table, found),
        DeValue::Array(list) => list_places(&path, list, found),
        _ => {}
    }
    found.push(Place {
        path,
        name,
        value: value.span(),
    });
}
