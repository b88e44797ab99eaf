//! What a call says, from a JSON object, a form or the query, with all that is missing told at once.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use serde_json::{Map, Value};

use super::Wrong;
use crate::gateway::form::Form;

/// Bytes of a text; names, links and a hundred numbers are shorter.
const MAX_TEXT: usize = 1000;
/// An amount beyond it is no sample's; sums of many still fit.
const MAX_WHOLE: i64 = 1_000_000_000_000;

#[derive(Default)]
pub struct Fields {
    given: Map<String, Value>,
    missing: Vec<&'static str>,
    wrong: Vec<String>,
}

impl Fields {
    pub fn of_query(query: Option<&str>) -> Self {
        Self::of_pairs(url::form_urlencoded::parse(
            query.unwrap_or_default().as_bytes(),
        ))
    }

    pub async fn of_body(headers: &HeaderMap, body: Bytes) -> Result<Self, Wrong> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let kind = headers.get(header::CONTENT_TYPE);
        let is_json = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
        if is_json {
            let given = serde_json::from_slice(&body)
                .map_err(|error| Wrong::asked(format!("The body is no JSON object: {error}.")))?;
            return Ok(Self {
                given,
                ..Self::default()
            });
        }
        let form = Form::read(headers, Body::from(body))
            .await
            .map_err(|_| Wrong::asked("The body is not the form that its Content-Type says."))?;
        Ok(Self::of_pairs(form.fields()))
    }

    fn of_pairs(pairs: impl Iterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let given = pairs
            .map(|(name, value)| (name.into(), Value::String(value.into())))
            .collect();
        Self {
            given,
            ..Self::default()
        }
    }

    /// Whether anything is said of it; JSON's `null` and an empty text say nothing.
    pub fn has(&self, name: &str) -> bool {
        match self.given.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.trim().is_empty(),
            Some(_) => true,
        }
    }

    pub fn text(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            return None;
        }
        let text = match &self.given[name] {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.wrong.push(format!("{name} must be text."));
                return None;
            }
        };
        if text.len() > MAX_TEXT {
            self.wrong
                .push(format!("{name} is longer than {MAX_TEXT} bytes."));
            return None;
        }
        Some(text)
    }

    /// A whole number above 0: an amount, a count, an id.
    pub fn whole(&mut self, name: &str) -> Option<i64> {
        if !self.has(name) {
            return None;
        }
        let number = match &self.given[name] {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (1..=MAX_WHOLE).contains(number));
        if number.is_none() {
            self.wrong.push(format!(
                "{name} must be a whole number from 1 to {MAX_WHOLE}."
            ));
        }
        number
    }

    pub fn flag(&mut self, name: &str) -> Option<bool> {
        if !self.has(name) {
            return None;
        }
        let flag = match &self.given[name] {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.wrong.push(format!("{name} must be true or false."));
        }
        flag
    }

    /// Texts: JSON's list of them, or in a form one text with commas.
    pub fn list(&mut self, name: &str) -> Option<Vec<String>> {
        if !self.has(name) {
            return None;
        }
        let texts: Option<Vec<String>> = match &self.given[name] {
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect(),
            Value::String(text) => Some(
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|part| !part.is_empty())
                    .collect(),
            ),
            _ => None,
        };
        if texts.is_none() {
            self.wrong.push(format!("{name} must be a list of texts."));
        }
        texts
    }

    /// Says that the call cannot do without.
    pub fn miss(&mut self, name: &'static str) {
        self.missing.push(name);
    }

    /// Says what is not right with a value.
    pub fn refuse(&mut self, why: impl Into<String>) {
        self.wrong.push(why.into());
    }

    pub fn need_text(&mut self, name: &'static str) -> Option<String> {
        if !self.has(name) {
            self.miss(name);
        }
        self.text(name)
    }

    pub fn need_whole(&mut self, name: &'static str) -> Option<i64> {
        if !self.has(name) {
            self.miss(name);
        }
        self.whole(name)
    }

    /// Whether nothing that was asked for so far is missing or wrong.
    pub fn sound(&mut self) -> Result<(), Wrong> {
        if self.missing.is_empty() && self.wrong.is_empty() {
            return Ok(());
        }
        Err(self.told())
    }

    /// All that is missing and wrong, in one message.
    pub fn told(&mut self) -> Wrong {
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("Missing: {}.", self.missing.join(", ")));
        }
        parts.append(&mut self.wrong);
        Wrong::asked(parts.join(" "))
    }
}
