//! One page of a list: by `limit` and either `starting_after`, the last id that one has, or `page`, from 1.

use serde_json::{Value, json};

use super::{Answer, Wrong, fields::Fields};

const USUAL: i64 = 10;
const MOST: i64 = 100;

/// The part of a list, the newest first, that the call asks for.
pub fn portion(things: &[Value], fields: &mut Fields) -> Answer {
    let limit = fields.whole("limit").unwrap_or(USUAL);
    let number = fields.whole("page").unwrap_or(1);
    let after = fields.text("starting_after");
    if limit > MOST {
        fields.refuse(format!("limit is at most {MOST}."));
    }
    fields.sound()?;
    let size = usize::try_from(limit).unwrap_or_default();
    let start = match after {
        Some(id) => things
            .iter()
            .position(|thing| thing["id"] == id)
            .map(|at| at + 1)
            .ok_or_else(|| Wrong::asked(format!("starting_after: there is no {id}.")))?,
        None => usize::try_from(number - 1)
            .unwrap_or_default()
            .saturating_mul(size),
    };
    let data: Vec<&Value> = things.iter().skip(start).take(size).collect();
    let has_more = start.saturating_add(size) < things.len();
    let next = data
        .last()
        .filter(|_| has_more)
        .map(|last| last["id"].clone());
    Ok(json!({
        "object": "list", "data": data, "has_more": has_more, "next_cursor": next,
        "total_count": things.len(),
    }))
}

/// The thing with this id.
pub fn find<'a>(things: &'a mut [Value], noun: &str, id: &str) -> Result<&'a mut Value, Wrong> {
    things
        .iter_mut()
        .find(|thing| thing["id"] == id)
        .ok_or_else(|| Wrong::absent(format!("There is no {noun} {id}.")))
}
