//! The plate by which a person recognises a key: its bitting, its label, and the ends of its secret.
//!
//! The bitting is drawn from the key's id, never from its secret, and stays through rotation. It helps the eye and checks nothing.

use leptos::prelude::*;
use sha2::{Digest, Sha256};

/// What a plate shows. `first` and `last` are the four characters at the ends that may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plate {
    /// The key's id: the source of the bitting.
    pub id: String,
    pub label: String,
    /// With its underscore: `rk_live_`.
    pub prefix: String,
    /// Both empty while no secret exists; the plate then says so.
    pub first: String,
    pub last: String,
    pub live: bool,
}

/// Bitting, label and ends. `head` is the larger size of a page's head.
#[component]
pub fn KeyPlate(plate: Plate, #[prop(optional)] head: bool) -> impl IntoView {
    let prefix_class = if plate.live {
        "font-semibold text-ink"
    } else {
        "text-test"
    };
    let label_class = if head {
        "block w-0 min-w-full truncate text-h2"
    } else {
        "block w-0 min-w-full truncate font-medium"
    };
    let ends = if plate.last.is_empty() {
        view! { <span class="block text-small text-ink-3">"No secret yet"</span> }.into_any()
    } else {
        view! {
            <span class="block font-mono text-mono whitespace-nowrap text-ink-2">
                <span class=prefix_class>{plate.prefix}</span>
                {format!("{}…{}", plate.first, plate.last)}
            </span>
        }
        .into_any()
    };
    view! {
        <span class="flex min-w-0 items-center gap-3">
            <Bitting id=plate.id head=head />
            // The label gives way before the key's own characters do.
            <span class="min-w-fit flex-1">
                <span class=label_class title=plate.label>
                    {plate.label.clone()}
                </span>
                {ends}
            </span>
        </span>
    }
}

/// The silhouette alone.
#[component]
pub fn Bitting(#[prop(into)] id: String, #[prop(optional)] head: bool) -> impl IntoView {
    let class = if head {
        "h-[27px] w-[66px] shrink-0 text-ink-3"
    } else {
        "h-[18px] w-[44px] shrink-0 text-ink-3"
    };
    view! {
        <svg class=class viewBox="0 0 44 18" width="44" height="18" aria-hidden="true">
            <path fill="currentColor" fill-rule="evenodd" d=format!("{BOW}{}", blade(&id)) />
        </svg>
    }
}

/// The head of the key: a disc with a hole, and the short bridge to the blade.
const BOW: &str =
    "M8 2a7 7 0 1 0 0 14a7 7 0 1 0 0-14zM8 7.25a1.75 1.75 0 1 1 0 3.5a1.75 1.75 0 1 1 0-3.5z";

/// The blade's outline: a straight back at y = 5 to the tip, and seven cuts of four units each, deepest last byte nearest the tip.
fn blade(id: &str) -> String {
    use std::fmt::Write as _;

    let mut path = String::from("M14 5H42L44 7");
    for (cut, depth) in cuts(id).into_iter().enumerate().rev() {
        let right = 14 + 4 * (cut + 1);
        let left = 14 + 4 * cut;
        // Writing to a string cannot fail.
        let _ = write!(path, "L{right} {depth}H{left}");
    }
    path.push('Z');
    path
}

/// The y of each cut, from the bow to the tip: 8, 10, 12 or 14.
pub fn cuts(id: &str) -> [u8; 7] {
    let digest = Sha256::digest(id.as_bytes());
    std::array::from_fn(|i| 8 + 2 * (digest[i] % 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitting_follows_the_first_seven_bytes_of_the_ids_digest() {
        // SHA-256("abc") begins ba 78 16 bf 8f 01 cf.
        assert_eq!(cuts("abc"), [12, 8, 12, 14, 14, 10, 14]);
    }

    #[test]
    fn bitting_stays_inside_its_box() {
        for id in ["", "key_01", "key_02", "a much longer id than any real one"] {
            assert!(cuts(id).iter().all(|y| (8..=14).contains(y)));
        }
    }

    #[test]
    fn label_is_inert() {
        let plate = Plate {
            label: "<script>".into(),
            last: "abcd".into(),
            ..Plate::default()
        };
        let html = view! { <KeyPlate plate=plate /> }.to_html();
        assert!(!html.contains("<script>"));
    }
}
