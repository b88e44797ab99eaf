//! Times, spans and numbers as words. Times are Unix milliseconds; a zone is an IANA name, and an unknown one is read as UTC. Every
//! absolute time names its zone, and nothing is rewritten after the page is painted.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use leptos::prelude::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// "2 min ago", with the exact time and its zone in the tooltip and in `datetime`.
#[component]
pub fn RelativeTime(at: i64, now: i64, #[prop(into)] zone: String) -> impl IntoView {
    view! {
        <time datetime=machine(at) title=absolute_long(at, &zone) class="whitespace-nowrap">
            {relative(at, now, &zone)}
        </time>
    }
}

/// "14 Mar 2027, 14:02 UTC".
#[component]
pub fn AbsoluteTime(at: i64, #[prop(into)] zone: String) -> impl IntoView {
    view! {
        <time datetime=machine(at) title=absolute_long(at, &zone) class="whitespace-nowrap">
            {absolute(at, &zone)}
        </time>
    }
}

/// "22 Nov 14:02:07.318", for lists whose head names the zone; without the milliseconds where there is little room.
#[component]
pub fn ExactTime(at: i64, #[prop(into)] zone: String) -> impl IntoView {
    let zoned = zoned(at, &zone);
    view! {
        <time datetime=machine(at) title=absolute_long(at, &zone) class="whitespace-nowrap">
            {zoned.strftime("%-d %b %H:%M:%S").to_string()}
            <span class="max-sm:hidden">{zoned.strftime("%.3f").to_string()}</span>
        </time>
    }
}

/// What the zone is called at that moment: "UTC", "CET".
pub fn zone_word(at: i64, zone: &str) -> String {
    zone_word_of(&zoned(at, zone))
}

/// "just now", "2 min ago", "in 6 h 12 min"; a date beyond thirty days.
pub fn relative(at: i64, now: i64, zone: &str) -> String {
    let distance = (now - at).abs();
    if distance >= 30 * DAY {
        return date(at, zone);
    }
    if distance < 5 * SECOND {
        return "just now".to_owned();
    }
    if at > now {
        format!("in {}", duration(distance))
    } else {
        format!("{} ago", rough(distance))
    }
}

/// "14 Mar 2027, 14:02 WAT".
pub fn absolute(at: i64, zone: &str) -> String {
    let zoned = zoned(at, zone);
    format!(
        "{} {}",
        zoned.strftime("%-d %b %Y, %H:%M"),
        zone_word_of(&zoned)
    )
}

/// "Sunday 14 March 2027, 14:02:07 (Africa/Lagos)".
pub fn absolute_long(at: i64, zone: &str) -> String {
    let zoned = zoned(at, zone);
    let name = zoned.time_zone().iana_name().unwrap_or("UTC");
    format!("{} ({name})", zoned.strftime("%A %-d %B %Y, %H:%M:%S"))
}

/// "14 Mar 2027".
pub fn date(at: i64, zone: &str) -> String {
    zoned(at, zone).strftime("%-d %b %Y").to_string()
}

/// "14:02:07.125 UTC", for logs.
pub fn clock(at: i64, zone: &str) -> String {
    let zoned = zoned(at, zone);
    format!(
        "{} {}",
        zoned.strftime("%H:%M:%S%.3f"),
        zone_word_of(&zoned)
    )
}

/// "14:02 UTC", for what is of this hour.
pub fn hour(at: i64, zone: &str) -> String {
    let zoned = zoned(at, zone);
    format!("{} {}", zoned.strftime("%H:%M"), zone_word_of(&zoned))
}

/// For `datetime`: RFC 3339 in UTC.
pub fn machine(at: i64) -> String {
    Timestamp::from_millisecond(at)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

/// A span in its two largest units: "6 h 12 min", "6 days", "40 s", "125 ms".
pub fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let two = |big: i64, big_word: &str, small: i64, small_word: &str| {
        if small == 0 {
            format!("{big} {big_word}")
        } else {
            format!("{big} {big_word} {small} {small_word}")
        }
    };
    match ms {
        0..SECOND => format!("{ms} ms"),
        SECOND..MINUTE => format!("{} s", ms / SECOND),
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => two(ms / HOUR, "h", ms % HOUR / MINUTE, "min"),
        _ if ms < 3 * DAY => {
            let word = if ms / DAY == 1 { "day" } else { "days" };
            two(ms / DAY, word, ms % DAY / HOUR, "h")
        }
        _ => format!("{} days", ms / DAY),
    }
}

/// A span in its largest unit alone.
pub fn rough(ms: i64) -> String {
    match ms.max(0) {
        ms if ms < MINUTE => format!("{} s", ms / SECOND),
        ms if ms < HOUR => format!("{} min", ms / MINUTE),
        ms if ms < DAY => format!("{} h", ms / HOUR),
        ms if ms < 2 * DAY => "1 day".to_owned(),
        ms => format!("{} days", ms / DAY),
    }
}

/// "12,408".
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount in minor units with its currency: `money(10_000_000, "NGN", 2)` is "NGN 100,000.00".
pub fn money(minor: i64, currency: &str, exponent: u32) -> String {
    let sign = if minor < 0 { "−" } else { "" };
    let unit = 10_u64.pow(exponent);
    let whole = number(minor.unsigned_abs() / unit);
    if exponent == 0 {
        return format!("{currency} {sign}{whole}");
    }
    let rest = minor.unsigned_abs() % unit;
    format!(
        "{currency} {sign}{whole}.{rest:0width$}",
        width = exponent as usize
    )
}

/// "3 keys", "1 key".
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// Whether the zone is one that is known here.
pub fn is_zone(zone: &str) -> bool {
    TimeZone::get(zone).is_ok()
}

fn zoned(at: i64, zone: &str) -> Zoned {
    Timestamp::from_millisecond(at)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC))
}

/// The abbreviation where the zone has one, otherwise the offset: "WAT", "UTC+3".
fn zone_word_of(zoned: &Zoned) -> String {
    let word = zoned.strftime("%Z").to_string();
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return word;
    }
    let minutes = zoned.offset().seconds() / 60;
    let sign = if minutes < 0 { '−' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    if rest == 0 {
        format!("UTC{sign}{hours}")
    } else {
        format!("UTC{sign}{hours}:{rest:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-03-14T13:02:07.125Z.
    const AT: i64 = 1_805_029_327_125;

    #[test]
    fn numbers_have_separators() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(12_408), "12,408");
        assert_eq!(number(1_234_567), "1,234,567");
    }

    #[test]
    fn money_has_its_currency_and_minor_units() {
        assert_eq!(money(10_000_000, "NGN", 2), "NGN 100,000.00");
        assert_eq!(money(-5, "EUR", 2), "EUR −0.05");
        assert_eq!(money(1_500, "JPY", 0), "JPY 1,500");
    }

    #[test]
    fn spans_show_their_two_largest_units() {
        assert_eq!(duration(125), "125 ms");
        assert_eq!(duration(40 * SECOND), "40 s");
        assert_eq!(duration(6 * HOUR + 12 * MINUTE), "6 h 12 min");
        assert_eq!(duration(DAY + HOUR), "1 day 1 h");
        assert_eq!(duration(6 * DAY + HOUR), "6 days");
    }

    #[test]
    fn relative_times_turn_into_dates_after_a_month() {
        assert_eq!(relative(AT, AT, "UTC"), "just now");
        assert_eq!(relative(AT, AT + 2 * MINUTE, "UTC"), "2 min ago");
        assert_eq!(
            relative(AT + 6 * HOUR + 12 * MINUTE, AT, "UTC"),
            "in 6 h 12 min"
        );
        assert_eq!(relative(AT, AT + 40 * DAY, "UTC"), "14 Mar 2027");
    }

    #[test]
    fn absolute_times_name_their_zone() {
        assert_eq!(absolute(AT, "UTC"), "14 Mar 2027, 13:02 UTC");
        assert_eq!(absolute(AT, "No/Where"), "14 Mar 2027, 13:02 UTC");
        assert_eq!(machine(AT), "2027-03-14T13:02:07.125Z");
    }
}
