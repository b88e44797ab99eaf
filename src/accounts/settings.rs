//! What stands around every settings page: one heading, and tabs to the others that this person may use.

use leptos::prelude::*;

use super::{ROUTES, viewer};
use crate::{
    frame::{self, Head, Span},
    server::page,
    ui::{
        layout::Width,
        tabs::{Tab, Tabs},
        toast::Toast,
    },
};

const PAGES: &[(&str, &str)] = &[
    ("Security", "/settings/security"),
    ("Sessions", "/settings/sessions"),
    ("Account", "/settings/account"),
    ("Notices", "/settings/notices"),
    ("Workspace", "/settings/workspace"),
    ("Command line", "/settings/cli"),
];

/// A settings page. `toast` says what was just done.
pub fn settings(
    title: &'static str,
    purpose: &'static str,
    toast: Option<String>,
    content: impl IntoAny,
) -> AnyView {
    let path = page::parts().map_or_else(String::new, |parts| parts.uri.path().to_owned());
    let viewer = viewer::optional();
    let tabs = PAGES
        .iter()
        .filter(|(_, target)| {
            ROUTES
                .iter()
                .any(|route| route.path == *target && route.access.admits(viewer.as_ref()))
        })
        .map(|(label, target)| Tab {
            label: (*label).to_owned(),
            href: (*target).to_owned(),
            current: path == *target || path.starts_with(&format!("{target}/")),
            ..Tab::default()
        })
        .collect();
    let content = content.into_any();
    frame::framed(
        Head {
            heading: "Settings".to_owned(),
            title,
            purpose,
            span: Span::None,
            width: Width::Form,
            toasts: toast
                .into_iter()
                .map(|text| Toast { text, action: None })
                .collect(),
            ..Head::default()
        },
        view! {
            <Tabs label="Settings" tabs=tabs />
            <div class="mt-6 space-y-8">{content}</div>
        },
    )
}
