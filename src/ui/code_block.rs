//! Code in several languages, coloured on the server. The languages are radios and a rule of CSS, so that they work without
//! scripts; lines wrap rather than scroll out of sight.

use leptos::prelude::*;

use super::copy_once::CopyButton;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    Curl,
    JavaScript,
    Python,
    Rust,
    Go,
    Php,
    Json,
    Http,
    Text,
}

impl Lang {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Php => "PHP",
            Self::Json => "JSON",
            Self::Http => "HTTP",
            Self::Text => "Text",
        }
    }

    const fn comment(self) -> Option<&'static str> {
        match self {
            Self::Curl | Self::Python => Some("#"),
            Self::JavaScript | Self::Rust | Self::Go | Self::Php => Some("//"),
            Self::Json | Self::Http | Self::Text => None,
        }
    }

    const fn keywords(self) -> &'static [&'static str] {
        match self {
            Self::Curl => &["curl", "export", "echo"],
            Self::JavaScript => &[
                "const", "let", "var", "await", "async", "function", "return", "new", "import",
                "from", "export", "if", "else", "throw", "try", "catch", "true", "false", "null",
            ],
            Self::Python => &[
                "import", "from", "def", "return", "if", "else", "for", "in", "with", "as",
                "raise", "try", "except", "True", "False", "None", "print",
            ],
            Self::Rust => &[
                "let", "mut", "use", "fn", "pub", "async", "await", "match", "if", "else",
                "return", "struct", "impl", "for", "in", "true", "false", "Ok", "Err", "Some",
                "None",
            ],
            Self::Go => &[
                "package", "import", "func", "return", "if", "else", "for", "range", "var",
                "const", "defer", "nil", "true", "false", "type", "struct",
            ],
            Self::Php => &[
                "php", "echo", "function", "return", "new", "if", "else", "foreach", "as", "use",
                "true", "false", "null", "throw",
            ],
            Self::Json => &["true", "false", "null"],
            Self::Http => &["GET", "POST", "PUT", "PATCH", "DELETE", "HTTP"],
            Self::Text => &[],
        }
    }
}

/// One language's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub lang: Lang,
    pub code: String,
}

impl Sample {
    pub fn new(lang: Lang, code: impl Into<String>) -> Self {
        Self {
            lang,
            code: code.into(),
        }
    }
}

/// The block. With a single sample it has no tabs.
#[component]
pub fn CodeBlock(
    /// Once on the page: also names the radios.
    #[prop(into)]
    id: String,
    samples: Vec<Sample>,
    /// What the code does, for those who hear the page: "Make a first call".
    #[prop(into)]
    title: String,
) -> impl IntoView {
    let single = samples.len() == 1;
    let panels = samples
        .into_iter()
        .enumerate()
        .map(|(index, sample)| {
            let panel = format!("{id}-{index}");
            let code = coloured(sample.lang, &sample.code);
            let body = view! {
                <div class="relative border-t border-line">
                    <pre class="px-4 py-3 pr-12 font-mono text-mono break-words whitespace-pre-wrap" tabindex="-1">
                        <code id=panel.clone()>{code}</code>
                    </pre>
                    <span class="absolute top-1.5 right-1.5">
                        <CopyButton target=panel label=format!("Copy {}", sample.lang.word()) icon_only=true />
                    </span>
                </div>
            };
            if single {
                body.into_any()
            } else {
                view! {
                    <label class="code-tab">
                        <input type="radio" class="sr-only" name=format!("{id}-lang") checked=index == 0 autocomplete="off" />
                        {sample.lang.word()}
                    </label>
                    <div class="code-panel">{body}</div>
                }
                .into_any()
            }
        })
        .collect::<Vec<_>>();
    let class = if single {
        ""
    } else {
        "code-tabs px-1.5 *:[.code-panel]:-mx-1.5 *:[.code-panel]:w-auto *:[.code-panel]:basis-[calc(100%+12px)]"
    };
    view! {
        <div class="overflow-hidden rounded-card border border-line bg-sunken">
            {single.then(|| view! { <p class="px-4 py-2 text-small text-ink-2">{title.clone()}</p> })}
            <div class=class role="group" aria-label=title.clone()>
                {panels}
            </div>
        </div>
    }
}

/// Code as it stands in a block.
pub fn coloured(lang: Lang, code: &str) -> Vec<AnyView> {
    highlight(lang, code)
        .into_iter()
        .map(|(kind, text)| match kind {
            Token::Plain => text.into_any(),
            _ => view! { <span class=kind.class()>{text}</span> }.into_any(),
        })
        .collect()
}

/// What a stretch of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Plain,
    Keyword,
    Text,
    Number,
    Property,
    Comment,
}

impl Token {
    const fn class(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Keyword => "tok-kw",
            Self::Text => "tok-str",
            Self::Number => "tok-num",
            Self::Property => "tok-prop",
            Self::Comment => "tok-com",
        }
    }
}

/// Cuts code into coloured stretches. It knows strings, numbers, words and line comments: enough for the length of an example.
pub fn highlight(lang: Lang, code: &str) -> Vec<(Token, String)> {
    let mut tokens: Vec<(Token, String)> = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next_token(lang, rest, first, tokens.last());
        let (text, after) = rest.split_at(length);
        match tokens.last_mut() {
            Some((last, so_far)) if *last == kind && kind == Token::Plain => so_far.push_str(text),
            _ => tokens.push((kind, text.to_owned())),
        }
        rest = after;
    }
    tokens
}

fn next_token(
    lang: Lang,
    rest: &str,
    first: char,
    before: Option<&(Token, String)>,
) -> (Token, usize) {
    if lang == Lang::Text {
        return (Token::Plain, rest.len());
    }
    let after_space = before.is_none_or(|(_, text)| text.ends_with(char::is_whitespace));
    if lang.comment().is_some_and(|mark| rest.starts_with(mark)) && after_space {
        return (Token::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if matches!(first, '"' | '\'' | '`')
        && lang != Lang::Http
        && !(lang == Lang::Rust && first == '\'')
    {
        let length = string_length(rest, first);
        let is_name = lang == Lang::Json || matches!(lang, Lang::JavaScript | Lang::Python);
        let named = is_name && rest[length..].trim_start().starts_with(':');
        return (if named { Token::Property } else { Token::Text }, length);
    }
    if first.is_ascii_digit() {
        return (
            Token::Number,
            length_while(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_'),
        );
    }
    if first.is_alphabetic() || first == '_' {
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || (c == '-' && lang == Lang::Http);
        let length = length_while(rest, in_word);
        let word = &rest[..length];
        let after = &rest[length..];
        let kind = if lang.keywords().contains(&word) {
            Token::Keyword
        } else if after.starts_with(':') && !after.starts_with("::") && lang != Lang::Curl {
            Token::Property
        } else {
            Token::Plain
        };
        return (kind, length);
    }
    if lang == Lang::Curl && first == '-' && after_space {
        return (Token::Property, length_while(rest, |c| !c.is_whitespace()));
    }
    (Token::Plain, first.len_utf8())
}

/// The length of a string with its quotes; the rest of the text if it is never closed.
fn string_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return index + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

fn length_while(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn highlighting_loses_nothing() {
        for (lang, code) in [
            (Lang::Curl, "curl -H \"X: $Y\" 'https://a.b/c' # über\n"),
            (Lang::Json, "{\"a\": [1, 2.5, \"unclosed"),
            (Lang::Rust, "let x = 'a'; // done"),
            (Lang::Http, "HTTP/1.1 403 Forbidden\ncontent-type: x\n"),
        ] {
            let joined: String = highlight(lang, code)
                .into_iter()
                .map(|(_, text)| text)
                .collect();
            assert_eq!(joined, code);
        }
    }

    #[test]
    fn json_names_differ_from_json_strings() {
        let tokens = highlight(Lang::Json, "{\"a\": \"b\"}");
        assert!(tokens.contains(&(Token::Property, "\"a\"".into())));
        assert!(tokens.contains(&(Token::Text, "\"b\"".into())));
    }
}
