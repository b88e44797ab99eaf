//! The palette keeps its promises: this reads the values that ship and computes every contrast that the design asks for (WCAG 2.2
//! relative luminance), in light and in dark.

use std::collections::HashMap;

type Rgb = [f64; 3];

const CSS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/style/tokens.css"));

const GROUNDS: &[&str] = &[
    "canvas", "surface", "sunken", "overlay", "hover", "selected",
];
const SOFTS: &[&str] = &[
    "neutral-soft",
    "success-soft",
    "warning-soft",
    "danger-soft",
    "info-soft",
    "test-soft",
];

/// Text as small as 12 px (SC 1.4.3).
const TEXT: f64 = 4.5;
/// Borders of controls, the focus ring, the marks of a chart (SC 1.4.11).
const MARK: f64 = 3.0;

#[test]
fn text_can_be_read_on_every_ground() {
    for token in ["ink", "ink-2"] {
        hold(token, GROUNDS, TEXT);
        hold(token, SOFTS, TEXT);
    }
    for token in ["ink-3", "accent"] {
        hold(token, GROUNDS, TEXT);
    }
}

#[test]
fn every_tone_can_be_read_on_its_soft() {
    for (token, soft) in [
        ("success", "success-soft"),
        ("warning", "warning-soft"),
        ("danger", "danger-soft"),
        ("info", "info-soft"),
        ("test", "test-soft"),
    ] {
        hold(token, GROUNDS, TEXT);
        hold(token, &[soft], TEXT);
    }
}

#[test]
fn buttons_can_be_read() {
    hold("on-solid", &["solid", "solid-hover"], TEXT);
    hold("white", &["danger-solid"], TEXT);
}

#[test]
fn borders_focus_and_marks_can_be_seen() {
    hold("control", GROUNDS, MARK);
    hold("focus", GROUNDS, MARK);
    for chart in ["chart-1", "chart-2", "chart-3", "chart-4", "chart-5"] {
        hold(chart, &["surface"], MARK);
    }
}

#[test]
fn code_can_be_read() {
    for token in ["code-kw", "code-str", "code-num", "code-prop", "ink-3"] {
        hold(token, &["sunken"], TEXT);
    }
}

#[test]
fn ratios_agree_with_known_ones() {
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast(rgb("#777777"), rgb("#ffffff")) - 4.478).abs() < 0.001);
}

fn hold(token: &str, grounds: &[&str], least: f64) {
    let palette = palette();
    for ground in grounds {
        let (text, below) = (palette[token], palette[*ground]);
        for (theme, text, below) in [("light", text.0, below.0), ("dark", text.1, below.1)] {
            let ratio = contrast(text, below);
            assert!(
                ratio >= least,
                "{token} on {ground} is {ratio:.2} in {theme}, but must be {least}"
            );
        }
    }
}

/// Name to its value in light and in dark.
fn palette() -> HashMap<&'static str, (Rgb, Rgb)> {
    CSS.lines()
        .filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--color-")?.split_once(": ")?;
            let value = value.strip_suffix(';')?;
            let pair = if let Some(pair) = value
                .strip_prefix("light-dark(")
                .and_then(|rest| rest.strip_suffix(')'))
            {
                let (light, dark) = pair.split_once(", ")?;
                (rgb(light), rgb(dark))
            } else if value.starts_with('#') {
                (rgb(value), rgb(value))
            } else {
                return None;
            };
            Some((name, pair))
        })
        .collect()
}

fn rgb(hex: &str) -> Rgb {
    let digits = hex.trim_start_matches('#');
    std::array::from_fn(|channel| {
        let byte = u8::from_str_radix(&digits[channel * 2..channel * 2 + 2], 16)
            .expect("two hexadecimal digits");
        f64::from(byte) / 255.0
    })
}

fn contrast(a: Rgb, b: Rgb) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: Rgb) -> f64 {
    let [r, g, b] = colour.map(|c| {
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}
