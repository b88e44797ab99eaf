//! Where a request comes from, and the facts that it is judged by, for the doors that see the request or its headers.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method, header, request::Parts};

use super::{
    door::Seen,
    form::Form,
    judge::{Facts, KeyRecord, Needs, Resource},
    origin,
    scope::Asked,
    verify::resource,
};
use crate::{
    keys::allow::ListKind,
    profiles::{Profile, Ruling},
    server::{address, state::AppState},
};

pub struct Sender {
    ip: Option<IpAddr>,
    /// The host that the request was made from, where the key is bound to domains; only such a key pays for reading it.
    origin: Option<String>,
}

impl Sender {
    pub fn of(state: &AppState, request: &Parts, form: &Form, key: &KeyRecord) -> Self {
        Self {
            ip: address::of(&request.headers, &request.extensions, &state.config),
            origin: key
                .binds(ListKind::Domain)
                .then(|| origin::find(&request.headers, form))
                .flatten(),
        }
    }

    /// What the request is judged by. A scope that is asked for stands in the place of the rule's.
    pub fn facts<'a>(
        &'a self,
        profile: &Profile,
        ruling: Ruling<'a>,
        asked: Option<&'a Asked>,
    ) -> Facts<'a> {
        Facts {
            environment: None,
            ip: self.ip,
            origin: self.origin.as_deref(),
            resource: match ruling {
                Ruling::Rule { workspace, .. } => workspace.map_or(Resource::Own, Resource::Of),
                Ruling::UnknownAction | Ruling::Unruled => resource(profile, asked, None),
            },
            needs: match (asked, ruling) {
                (Some(asked), _) => Needs::Scope(asked),
                (None, Ruling::Rule { rule, .. }) => Needs::One(&rule.scope),
                (None, Ruling::UnknownAction) => Needs::Nothing,
                (None, Ruling::Unruled) => Needs::Unruled,
            },
        }
    }

    /// What is logged of the request.
    pub fn seen<'a>(
        &self,
        method: &'a Method,
        path: &'a str,
        scope: Option<&'a str>,
        headers: &'a HeaderMap,
    ) -> Seen<'a> {
        let agent = headers.get(header::USER_AGENT);
        Seen {
            method: Some(method.as_str()),
            path: Some(path),
            scope,
            ip: self.ip,
            agent: agent.map(|value| String::from_utf8_lossy(value.as_bytes())),
        }
    }
}
