//! The pages about endpoints.

mod detail;
mod form;
mod list;
mod one;
pub mod parts;
mod picker;
mod secret;

pub use detail::EndpointPage;
pub use form::{EditEndpointPage, NewEndpointPage};
pub use list::WebhooksPage;
pub use one::{
    DisableEndpointPage, EnableEndpointPage, RemoveEndpointPage, ReplayPage, RotateEndpointPage,
    TestEventPage,
};

use leptos::prelude::*;

use super::{ops, policy, store::EndpointRow};
use crate::{
    accounts::viewer,
    error::UiError,
    frame::{self, Head, Here},
    server::{
        error::AppError,
        page::{self, parts},
        state::AppState,
    },
    ui::{
        badge::EnvTag,
        layout::{Crumb, Width},
    },
    workspaces::Role,
};

/// Whether the page being rendered lists or follows deliveries: then it loads the script for it.
pub fn needs_script() -> bool {
    parts().is_some_and(|parts| {
        let path = parts.uri.path();
        path.starts_with("/webhooks") || path.starts_with("/logs/webhooks")
    })
}

/// The endpoint of the path, for whoever may look.
struct Subject {
    here: Here,
    state: AppState,
    row: EndpointRow,
}

impl Subject {
    async fn load(id: &str) -> Result<Self, UiError> {
        Self::load_for(id, policy::READERS).await
    }

    /// The endpoint of the path, for whoever has one of these roles.
    async fn load_for(id: &str, roles: &'static [Role]) -> Result<Self, UiError> {
        let viewer = viewer::with_any_role(roles)?;
        let (here, state) = (frame::here()?, page::state()?);
        let find = async {
            let mut reader = state.db.read().await?;
            ops::find(&mut reader, viewer.workspace_id(), id).await
        };
        let row = find.await.map_err(AppError::into_ui)?;
        Ok(Self { here, state, row })
    }

    fn href(&self) -> String {
        format!("/webhooks/{}", self.row.id)
    }

    fn makes(&self) -> bool {
        self.here.viewer.has_any(policy::MAKERS)
    }

    fn stops(&self) -> bool {
        self.here.viewer.has_any(policy::STOPPERS)
    }

    /// What the endpoint is called among others.
    fn name(&self) -> String {
        name(&self.row)
    }

    /// The head of a page below the endpoint's own.
    fn head(&self, heading: &'static str) -> Head {
        Head {
            heading: heading.to_owned(),
            crumbs: vec![
                Crumb::new(
                    "Webhooks",
                    format!("/webhooks?env={}", self.row.environment),
                ),
                Crumb::new(self.name(), self.href()),
            ],
            span: frame::Span::Of(self.row.environment.clone()),
            width: Width::Form,
            ..Head::default()
        }
    }

    /// Which endpoint a dialog is about.
    fn shown(&self) -> AnyView {
        let environment = self.state.profile.environment(&self.row.environment);
        let word = environment.map_or_else(|| self.row.environment.clone(), |e| e.word.clone());
        let live = environment.is_none_or(|environment| environment.live);
        let url = self.row.url.clone();
        view! {
            <p class="flex flex-wrap items-center gap-x-3 gap-y-1">
                <span class="min-w-0 font-mono text-mono break-all">{url}</span>
                <EnvTag word=word live=live />
            </p>
        }
        .into_any()
    }
}

/// Its description, else the host of its address.
pub fn name(row: &EndpointRow) -> String {
    if !row.description.is_empty() {
        return row.description.clone();
    }
    host(&row.url)
}

/// The host and port of an address.
pub fn host(url: &str) -> String {
    let origin = policy::origin(url);
    origin
        .split_once("://")
        .map_or(origin.clone(), |(_, host)| host.to_owned())
}
