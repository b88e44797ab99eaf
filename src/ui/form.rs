//! Form controls. The label and the hint stand above the control, the error below it and tied to it. Optional fields are marked,
//! required ones are not. A control shows an error only when the server, or a submit, has said so.

use leptos::prelude::*;

use super::{
    button::{slug, some},
    icon::{Icon, IconName},
};

/// What a field holds: the value to show again and the sentence that says what is wrong with it, empty when nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldState {
    pub value: String,
    pub error: String,
}

impl FieldState {
    pub fn new(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            error: String::new(),
        }
    }

    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = error.into();
        self
    }
}

/// What is typed into a field. `Password`, `Pin` and `Code` never render their value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldKind {
    #[default]
    Text,
    Email,
    Password,
    Pin,
    /// A one-time code from an authenticator.
    Code,
    Search,
    Number,
    Url,
    Date,
    DateTime,
}

impl FieldKind {
    const fn input_type(self) -> &'static str {
        match self {
            Self::Text | Self::Code => "text",
            Self::Email => "email",
            Self::Password | Self::Pin => "password",
            Self::Search => "search",
            Self::Number => "number",
            Self::Url => "url",
            Self::Date => "date",
            Self::DateTime => "datetime-local",
        }
    }

    const fn input_mode(self) -> Option<&'static str> {
        match self {
            Self::Pin | Self::Code => Some("numeric"),
            _ => None,
        }
    }

    const fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::Pin | Self::Code)
    }

    const fn autocomplete(self) -> Option<&'static str> {
        match self {
            Self::Email => Some("username"),
            Self::Password => Some("current-password"),
            Self::Code => Some("one-time-code"),
            Self::Pin | Self::Search => Some("off"),
            _ => None,
        }
    }
}

/// One line of typing.
#[expect(
    clippy::fn_params_excessive_bools,
    reason = "each is an attribute of the control, named where it is used"
)]
#[component]
pub fn Field(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional)] kind: FieldKind,
    #[prop(optional)] state: FieldState,
    #[prop(optional, into)] hint: String,
    /// The name, if absent.
    #[prop(optional, into)]
    id: String,
    #[prop(optional, into)] placeholder: String,
    /// Follows from the kind, if absent: e-mail is `username`, a password `current-password`.
    #[prop(optional, into)]
    autocomplete: String,
    /// Marks the field "(optional)".
    #[prop(optional)]
    optional: bool,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional)] disabled: bool,
    #[prop(optional)] mono: bool,
    #[prop(optional_no_strip)] maxlength: Option<u32>,
    #[prop(optional, into)] min: String,
    #[prop(optional, into)] max: String,
    /// A unit after the control: "a minute", "NGN".
    #[prop(optional, into)]
    suffix: String,
    #[prop(optional)] hide_label: bool,
) -> impl IntoView {
    let id = if id.is_empty() { name.clone() } else { id };
    let autocomplete = some(autocomplete).or_else(|| kind.autocomplete().map(str::to_owned));
    let value = (!kind.is_secret() && !state.value.is_empty()).then_some(state.value);
    let step = (kind == FieldKind::Number).then_some("any");
    let class = if mono || kind == FieldKind::Code {
        "control font-mono"
    } else {
        "control"
    };
    let described = described_by(&id, &hint, &state.error);
    let input = view! {
        <input
            class=class
            id=id.clone()
            name=name
            type=kind.input_type()
            inputmode=kind.input_mode()
            value=value
            placeholder=some(placeholder)
            autocomplete=autocomplete
            required=required
            autofocus=autofocus
            disabled=disabled
            maxlength=maxlength.map(|n| n.to_string())
            min=some(min)
            max=some(max)
            step=step
            spellcheck=(mono || kind.is_secret()).then_some("false")
            aria-invalid=(!state.error.is_empty()).then_some("true")
            aria-describedby=described
        />
    };
    let control = if suffix.is_empty() {
        input.into_any()
    } else {
        view! {
            <div class="flex items-center gap-2">
                {input} <span class="shrink-0 text-ink-2">{suffix}</span>
            </div>
        }
        .into_any()
    };
    around(label, id, hint, state.error, optional, hide_label, control)
}

/// Several lines of typing. Children of a text area are not escaped by the renderer, so they are here.
#[expect(
    clippy::fn_params_excessive_bools,
    reason = "each is an attribute of the control, named where it is used"
)]
#[component]
pub fn TextArea(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional)] state: FieldState,
    #[prop(optional, into)] hint: String,
    #[prop(optional, into)] id: String,
    #[prop(optional, into)] placeholder: String,
    #[prop(optional)] optional: bool,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional)] disabled: bool,
    #[prop(optional)] mono: bool,
    #[prop(optional_no_strip)] maxlength: Option<u32>,
    /// 4, if absent.
    #[prop(default = 4)]
    rows: u32,
    #[prop(optional)] hide_label: bool,
) -> impl IntoView {
    let id = if id.is_empty() { name.clone() } else { id };
    let described = described_by(&id, &hint, &state.error);
    let class = if mono {
        "control py-1.5 font-mono"
    } else {
        "control py-1.5"
    };
    let control = view! {
        <textarea
            class=class
            id=id.clone()
            name=name
            rows=rows.to_string()
            placeholder=some(placeholder)
            required=required
            autofocus=autofocus
            disabled=disabled
            maxlength=maxlength.map(|n| n.to_string())
            spellcheck=mono.then_some("false")
            aria-invalid=(!state.error.is_empty()).then_some("true")
            aria-describedby=described
        >
            {text_for_textarea(&state.value)}
        </textarea>
    };
    around(
        label,
        id,
        hint,
        state.error,
        optional,
        hide_label,
        control.into_any(),
    )
}

/// One of several, as the browser's own list.
#[component]
pub fn Select(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    options: Vec<Choice>,
    #[prop(optional)] state: FieldState,
    #[prop(optional, into)] hint: String,
    #[prop(optional, into)] id: String,
    #[prop(optional)] optional: bool,
    #[prop(optional)] disabled: bool,
    #[prop(optional)] hide_label: bool,
) -> impl IntoView {
    let id = if id.is_empty() { name.clone() } else { id };
    let described = described_by(&id, &hint, &state.error);
    let value = state.value;
    let options = options
        .into_iter()
        .map(|choice| {
            view! {
                <option selected=choice.value == value value=choice.value disabled=choice.disabled>
                    {choice.label}
                </option>
            }
        })
        .collect_view();
    let control = view! {
        <select
            class="control"
            id=id.clone()
            name=name
            disabled=disabled
            aria-invalid=(!state.error.is_empty()).then_some("true")
            aria-describedby=described
        >
            {options}
        </select>
    };
    around(
        label,
        id,
        hint,
        state.error,
        optional,
        hide_label,
        control.into_any(),
    )
}

/// An entry of a [`Select`] or of [`SegmentedRadios`](super::segmented::SegmentedRadios).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub disabled: bool,
}

impl Choice {
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            disabled: false,
        }
    }
}

/// A box to tick, its label beside it.
#[component]
pub fn Checkbox(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    /// `on`, if absent.
    #[prop(optional, into)]
    value: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional)] checked: bool,
    #[prop(optional)] required: bool,
    #[prop(optional)] disabled: bool,
    #[prop(optional, into)] error: String,
    /// Name and value joined, if absent.
    #[prop(optional, into)]
    id: String,
) -> impl IntoView {
    let id = if id.is_empty() {
        join_id(&name, &value)
    } else {
        id
    };
    let described = described_by(&id, &hint, &error);
    view! {
        <div>
            <label class="flex items-start gap-2.5 py-1">
                <input
                    type="checkbox"
                    class="check mt-0.5"
                    id=id.clone()
                    name=name
                    value=if value.is_empty() { "on".to_owned() } else { value }
                    checked=checked
                    required=required
                    disabled=disabled
                    aria-invalid=(!error.is_empty()).then_some("true")
                    aria-describedby=described
                />
                <span class=if disabled { "text-ink-2" } else { "" }>{label}</span>
            </label>
            {hint_line(&id, hint, "pl-6.5")}
            {error_line(&id, error)}
        </div>
    }
}

/// A setting that is on or off. In a form it sends `on` or nothing, as a box does.
#[component]
pub fn Switch(
    #[prop(into)] label: String,
    #[prop(into)] name: String,
    #[prop(optional, into)] hint: String,
    #[prop(optional)] checked: bool,
    #[prop(optional)] disabled: bool,
) -> impl IntoView {
    let described = described_by(&name, &hint, "");
    view! {
        <div class="flex items-start justify-between gap-4">
            <div>
                <label class="font-medium" for=name.clone()>
                    {label}
                </label>
                {hint_line(&name, hint, "")}
            </div>
            <input
                type="checkbox"
                role="switch"
                class="switch mt-0.5"
                id=name.clone()
                name=name
                value="on"
                checked=checked
                disabled=disabled
                aria-describedby=described
            />
        </div>
    }
}

/// One card of [`RadioCards`]. A locked card stays visible and says why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RadioCard {
    pub value: String,
    pub label: String,
    pub text: String,
    pub locked: bool,
    /// `Some(true)` draws Live's solid edge, `Some(false)` Test's hatch.
    pub live: Option<bool>,
}

/// One of a few, each with a sentence.
#[component]
pub fn RadioCards(
    #[prop(into)] legend: String,
    #[prop(into)] name: String,
    cards: Vec<RadioCard>,
    #[prop(optional)] state: FieldState,
    #[prop(optional, into)] hint: String,
) -> impl IntoView {
    let described = described_by(&name, &hint, &state.error);
    let value = state.value;
    let cards = cards
        .into_iter()
        .map(|card| {
            let id = join_id(&name, &card.value);
            let text_id = format!("{id}-text");
            let edge = match card.live {
                Some(true) => Some("w-1 self-stretch rounded-full bg-solid"),
                Some(false) => Some("hatch w-1 self-stretch rounded-full"),
                None => None,
            };
            let described = (!card.text.is_empty()).then(|| text_id.clone());
            view! {
                <label class="radio-card">
                    <input
                        type="radio"
                        class="check mt-0.5"
                        id=id
                        name=name.clone()
                        checked=card.value == value
                        value=card.value
                        disabled=card.locked
                        aria-labelledby=format!("{text_id}-label")
                        aria-describedby=described
                    />
                    <span class="min-w-0 flex-1">
                        <span id=format!("{text_id}-label") class="flex items-center gap-1.5 font-medium">
                            {card.locked.then(|| view! { <Icon name=IconName::Lock class="size-3.5 text-ink-3" /> })}
                            {card.label}
                        </span>
                        {(!card.text.is_empty())
                            .then(|| {
                                view! {
                                    <span id=text_id class="block text-small text-ink-2">
                                        {card.text}
                                    </span>
                                }
                            })}
                    </span>
                    {edge.map(|class| view! { <span class=class aria-hidden="true"></span> })}
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset id=name.clone() aria-describedby=described tabindex="-1" class="rounded-control">
            <legend class="font-medium">{legend}</legend>
            {hint_line(&name, hint, "")}
            <div class="mt-1.5 grid gap-3 sm:grid-cols-2">{cards}</div>
            {error_line(&name, state.error)}
        </fieldset>
    }
}

/// Everything that a submit found wrong, at the top of the form: read out and focused, each line leading to its field.
#[component]
pub fn ErrorSummary(
    /// The field's id, then what is wrong with it. Nothing is rendered if there is none.
    errors: Vec<(String, String)>,
    /// Counts the errors, if absent.
    #[prop(optional, into)]
    title: String,
) -> impl IntoView {
    if errors.is_empty() {
        return None;
    }
    let title = if title.is_empty() {
        match errors.len() {
            1 => "One thing needs another look".to_owned(),
            n => format!("{n} things need another look"),
        }
    } else {
        title
    };
    let lines = errors
        .into_iter()
        .map(|(id, sentence)| {
            if id.is_empty() {
                view! { <li>{sentence}</li> }.into_any()
            } else {
                view! {
                    <li>
                        <a class="underline underline-offset-3" href=format!("#{id}")>
                            {sentence}
                        </a>
                    </li>
                }
                .into_any()
            }
        })
        .collect_view();
    Some(view! {
        <div role="alert" tabindex="-1" autofocus data-summary class="flex gap-3 rounded-card bg-danger-soft p-4 text-danger">
            <Icon name=IconName::Warning class="mt-0.5 size-4" />
            <div>
                <p class="font-semibold">{title}</p>
                <ul class="mt-1 space-y-1">{lines}</ul>
            </div>
        </div>
    })
}

fn around(
    label: String,
    id: String,
    hint: String,
    error: String,
    optional: bool,
    hide_label: bool,
    control: AnyView,
) -> impl IntoView {
    let label_class = if hide_label {
        "sr-only"
    } else {
        "mb-1.5 block font-medium"
    };
    let hint_class = if hide_label {
        "sr-only"
    } else {
        "-mt-1 mb-1.5"
    };
    view! {
        <div class="min-w-0">
            <label class=label_class for=id.clone()>
                {label}
                {optional.then(|| view! { <span class="font-normal text-ink-2">" (optional)"</span> })}
            </label>
            {hint_line(&id, hint, hint_class)}
            {control}
            {error_line(&id, error)}
        </div>
    }
}

fn hint_line(id: &str, hint: String, class: &'static str) -> Option<impl IntoView + use<>> {
    let id = format!("{id}-hint");
    (!hint.is_empty()).then(|| {
        view! {
            <p id=id class=format!("text-small text-ink-2 {class}")>
                {hint}
            </p>
        }
    })
}

fn error_line(id: &str, error: String) -> Option<impl IntoView + use<>> {
    let id = format!("{id}-error");
    (!error.is_empty()).then(|| {
        view! {
            <p id=id class="mt-1.5 flex gap-1.5 text-small text-danger">
                <Icon name=IconName::Warning class="mt-px size-4" />
                <span>{error}</span>
            </p>
        }
    })
}

fn described_by(id: &str, hint: &str, error: &str) -> Option<String> {
    let mut ids = Vec::new();
    if !hint.is_empty() {
        ids.push(format!("{id}-hint"));
    }
    if !error.is_empty() {
        ids.push(format!("{id}-error"));
    }
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// The id of a box or radio among others of its name.
pub(super) fn join_id(name: &str, value: &str) -> String {
    if value.is_empty() {
        name.to_owned()
    } else {
        format!("{name}-{}", slug(value))
    }
}

/// The text of a `<textarea>`, escaped, with the line break in front that the parser takes away: so a leading one survives.
pub(super) fn text_for_textarea(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 1);
    escaped.push('\n');
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_area_cannot_be_closed_by_its_text() {
        let html = view! { <TextArea label="Purpose" name="purpose" state=FieldState::new("</textarea><b>") /> }.to_html();
        assert!(html.contains("&lt;/textarea&gt;&lt;b&gt;"));
        assert!(!html.contains("<b>"));
    }

    #[test]
    fn password_is_never_rendered_again() {
        let html = view! {
            <Field label="Password" name="p" kind=FieldKind::Password state=FieldState::new("hunter2") />
        }
        .to_html();
        assert!(!html.contains("hunter2"));
    }
}
