//! Icons: one sprite in the body, drawn on a 16-pixel grid with a 1.5-pixel line, and references to it.

use leptos::prelude::*;

macro_rules! icons {
    ($($name:ident $id:literal $paint:ident $path:literal;)*) => {
        /// Every drawing in the sprite.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IconName {
            $($name,)*
        }

        impl IconName {
            /// All of them, in the order of the sprite.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The address of the drawing on the page, with its `#`.
            pub const fn href(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("#i-", $id),)*
                }
            }

            fn drawing(self) -> (&'static str, Paint, &'static str) {
                match self {
                    $(Self::$name => (concat!("i-", $id), Paint::$paint, $path),)*
                }
            }
        }
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Paint {
    Line,
    Fill,
}

icons! {
    Home "home" Line "M2.5 7.2 8 2.5l5.5 4.7M4 6.2v7.3h8V6.2M6.7 13.5V9.7h2.6v3.8";
    Key "key" Line "M9.4 6.6a3.3 3.3 0 1 0-3.3 3.3c.5 0 1-.1 1.4-.3l1.2 1.2h1.6v1.6h1.6v1.6h1.9v-2.3L9.1 7.6c.2-.3.3-.6.3-1ZM5.3 5.8h.01";
    Webhook "webhook" Line "M5.3 6.6a2.9 2.9 0 1 1 4.9-2.5M5.6 6.9 3.9 10M8.1 5 10 8.6M10 8.5a2.8 2.8 0 1 1-.9 4.4M6.2 11.6h3.3M3.8 9.1a2.7 2.7 0 1 0 2.4 2.6";
    Logs "logs" Line "M2.5 4h1M2.5 8h1M2.5 12h1M6 4h7.5M6 8h7.5M6 12h5";
    Usage "usage" Line "M2.5 13.5h11M4 11V8.5M7 11V5M10 11V7M13 11V3";
    Docs "docs" Line "M8 4.2C6.5 3 4.6 2.7 2.5 2.8v9.4c2.1-.1 4 .2 5.5 1.4 1.5-1.2 3.4-1.5 5.5-1.4V2.8C11.4 2.7 9.5 3 8 4.2Zm0 0v9.4";
    Approvals "approvals" Line "M8 2 3 4v3.7c0 3 2 5.2 5 6.3 3-1.1 5-3.3 5-6.3V4L8 2ZM5.8 8l1.6 1.6 2.9-3.1";
    Audit "audit" Line "M4 2.5h8v11H4zM6.3 5.5h3.4M6.3 8h3.4M6.3 10.5h1.9";
    Members "members" Line "M6 7.5a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8ZM1.8 13.3c.2-2.3 1.9-3.7 4.2-3.7s4 1.4 4.2 3.7M10.6 3a2.3 2.3 0 0 1 0 4.3M12 9.9c1.3.5 2.1 1.7 2.2 3.4";
    Plans "plans" Line "m8 2.3 6 3-6 3-6-3 6-3ZM2.4 8.2 8 11l5.6-2.8M2.4 11 8 13.8l5.6-2.8";
    Bell "bell" Line "M8 2.2a3.8 3.8 0 0 0-3.8 3.8c0 3.2-1.4 4.2-1.4 5.2h10.4c0-1-1.4-2-1.4-5.2A3.8 3.8 0 0 0 8 2.2ZM6.5 13.3c.3.5.8.8 1.5.8s1.2-.3 1.5-.8";
    Settings "settings" Line "M2.5 4.5h6M12 4.5h1.5M2.5 11.5H4M7.5 11.5h6M10.2 6.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4ZM5.8 13.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4Z";
    Operator "operator" Line "M2.5 3h11v7h-11zM5.5 13h5M8 10v3M5 5.5l1.5 1.2L5 8M8 8h2.5";
    Search "search" Line "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.3 10.3l3.2 3.2";
    Menu "menu" Line "M2.5 4.5h11M2.5 8h11M2.5 11.5h11";
    Close "close" Line "m4 4 8 8M12 4l-8 8";
    Check "check" Line "m3 8.5 3.2 3.2L13 4.8";
    Plus "plus" Line "M8 3v10M3 8h10";
    Minus "minus" Line "M3 8h10";
    ChevronDown "chevron-down" Line "m4.5 6.3 3.5 3.5 3.5-3.5";
    ChevronUpDown "chevron-up-down" Line "m5 6.2 3-3 3 3M5 9.8l3 3 3-3";
    ChevronLeft "chevron-left" Line "M9.7 4.5 6.2 8l3.5 3.5";
    ChevronRight "chevron-right" Line "M6.3 4.5 9.8 8l-3.5 3.5";
    ArrowUp "arrow-up" Line "M8 13V3M4 7l4-4 4 4";
    ArrowDown "arrow-down" Line "M8 3v10M4 9l4 4 4-4";
    ArrowRight "arrow-right" Line "M3 8h10M9 4l4 4-4 4";
    External "external" Line "M6.5 3.5h-3v9h9v-3M9 2.5h4.5V7M13.2 2.8 7.5 8.5";
    More "more" Fill "M3.2 9.3a1.3 1.3 0 1 1 0-2.6 1.3 1.3 0 0 1 0 2.6Zm4.8 0a1.3 1.3 0 1 1 0-2.6 1.3 1.3 0 0 1 0 2.6Zm4.8 0a1.3 1.3 0 1 1 0-2.6 1.3 1.3 0 0 1 0 2.6Z";
    Copy "copy" Line "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z";
    Download "download" Line "M8 2.5v7.5M4.7 6.9 8 10.2l3.3-3.3M2.5 13.5h11";
    Rotate "rotate" Line "M13.3 7A5.4 5.4 0 0 0 3.6 5M13.5 2.6V7H9.1M2.7 9a5.4 5.4 0 0 0 9.7 2M2.5 13.4V9h4.4";
    Edit "edit" Line "M10.6 2.9 13.1 5.4 5.5 13H3v-2.5l7.6-7.6ZM9 4.5 11.5 7";
    Trash "trash" Line "M2.5 4.5h11M6 4.5V2.7h4v1.8M4 4.5l.6 9h6.8l.6-9M6.7 7v4M9.3 7v4";
    Pause "pause" Line "M5.5 3.5v9M10.5 3.5v9";
    Play "play" Line "M4.5 3v10l8-5-8-5Z";
    Filter "filter" Line "M2.5 4h11M4.8 8h6.4M7 12h2";
    Globe "globe" Line "M8 13.8A5.8 5.8 0 1 0 8 2.2a5.8 5.8 0 0 0 0 11.6ZM2.3 8h11.4M8 2.2c3.2 3.4 3.2 8.2 0 11.6-3.2-3.4-3.2-8.2 0-11.6Z";
    Lock "lock" Line "M3.5 7.2h9v6.3h-9zM5.3 7V5a2.7 2.7 0 0 1 5.4 0v2";
    Eye "eye" Line "M1.8 8S4 3.7 8 3.7 14.2 8 14.2 8 12 12.3 8 12.3 1.8 8 1.8 8ZM8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z";
    User "user" Line "M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8ZM2.9 13.6c.4-2.4 2.4-3.6 5.1-3.6s4.7 1.2 5.1 3.6";
    SignOut "sign-out" Line "M6.5 2.5h-3v11h3M7 8h6.5M10.5 5l3 3-3 3";
    Info "info" Line "M8 13.8A5.8 5.8 0 1 0 8 2.2a5.8 5.8 0 0 0 0 11.6ZM8 7.3v3.5M8 5.1h.01";
    Warning "warning" Line "M8 2.6 14.1 13H1.9L8 2.6ZM8 6.4v3M8 11.2h.01";
    Money "money" Line "M1.8 4h12.4v8H1.8zM8 9.7a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4ZM4 6.3v3.4M12 6.3v3.4";
    Disc "disc" Fill "M8 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Z";
    Clock "clock" Line "M8 13A5 5 0 1 0 8 3a5 5 0 0 0 0 10ZM8 5.4V8l1.9 1.2";
    Diamond "diamond" Line "m8 2.6 5.4 5.4L8 13.4 2.6 8 8 2.6ZM8 6.5 9.5 8 8 9.5 6.5 8 8 6.5Z";
    HalfDisc "half-disc" Fill "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 12V4a4 4 0 0 1 0 8Z";
    Triangle "triangle" Fill "M8 3.2 13.6 13H2.4L8 3.2Z";
    Ring "ring" Line "M8 12.2a4.2 4.2 0 1 0 0-8.4 4.2 4.2 0 0 0 0 8.4Z";
    Square "square" Fill "M4.2 4.2h7.6v7.6H4.2z";
    Times "times" Line "m4.6 4.6 6.8 6.8M11.4 4.6l-6.8 6.8";
    Dashed "dashed" Line "M6.6 3.8a4.4 4.4 0 0 1 2.8 0M12.2 6.6a4.4 4.4 0 0 1 0 2.8M9.4 12.2a4.4 4.4 0 0 1-2.8 0M3.8 9.4a4.4 4.4 0 0 1 0-2.8";
    Dash "dash" Line "M4 8h8";
    Dot "dot" Fill "M8 9.8a1.8 1.8 0 1 0 0-3.6 1.8 1.8 0 0 0 0 3.6Z";
}

/// The drawings themselves: once in the body of every page, before anything that uses them.
#[component]
pub fn IconSprite() -> impl IntoView {
    let symbols = IconName::ALL
        .iter()
        .map(|icon| {
            let (id, paint, path) = icon.drawing();
            if paint == Paint::Line {
                view! {
                    <symbol id=id viewBox="0 0 16 16">
                        <path
                            d=path
                            fill="none"
                            stroke="currentColor"
                            stroke-width="1.5"
                            stroke-linecap="round"
                            stroke-linejoin="round"
                        />
                    </symbol>
                }
                .into_any()
            } else {
                view! {
                    <symbol id=id viewBox="0 0 16 16">
                        <path d=path fill="currentColor" />
                    </symbol>
                }
                .into_any()
            }
        })
        .collect_view();
    view! {
        <svg class="absolute size-0" aria-hidden="true" width="0" height="0">
            {symbols}
        </svg>
    }
}

/// One icon. It is always decoration: the words beside it, or the label of its button, say what it means.
#[component]
pub fn Icon(
    name: IconName,
    /// Size and colour, `size-4 shrink-0` if absent.
    #[prop(optional, into)]
    class: String,
) -> impl IntoView {
    let class = if class.is_empty() {
        "size-4 shrink-0".to_owned()
    } else {
        format!("shrink-0 {class}")
    };
    view! {
        <svg class=class aria-hidden="true" width="16" height="16">
            <use href=name.href() />
        </svg>
    }
}
