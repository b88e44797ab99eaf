//! The platforms' own pages, sentence by sentence: each test is named after one that speaks of requests.

mod dual_mode;
mod reseller;
mod revkeen;
mod rukkyhub;
mod universal_wallet;

use axum::{
    body::Body,
    http::{Method, Request, header},
};

use crate::{
    audit,
    db::testing::{self, Engine},
    keys::{
        ops,
        policy::{self, Wanted},
    },
    profiles::Profile,
    server::testing::{Reply, TestApp},
};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A platform with one account.
struct Platform {
    app: TestApp,
    workspace: String,
}

impl Platform {
    async fn of(profile: &str) -> Self {
        let profile = Profile::load(profile).expect("it loads");
        let app = TestApp::start_as(testing::database(Engine::Sqlite).await, profile).await;
        let workspace = app.workspace("Acme").await;
        Self { app, workspace }
    }

    /// A key of the account in the platform's first environment: its id and secret.
    async fn key(&self, scopes: &[&str]) -> (String, String) {
        self.bound(scopes, |_| {}).await
    }

    /// A key with more that is asked for it.
    async fn bound(&self, scopes: &[&str], more: impl FnOnce(&mut Wanted)) -> (String, String) {
        let profile = &self.app.state.profile;
        let mut wanted = Wanted {
            environment: profile.environments[0].id.clone(),
            label: self.app.state.rng.id("Shop", 0),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..Wanted::default()
        };
        more(&mut wanted);
        let key = policy::new_key(profile, &wanted, audit::CONSOLE, self.app.clock.now());
        let made =
            ops::create_at_console(&self.app.state, &self.workspace, &key.expect("sound"), None)
                .await
                .expect("made");
        let secret = made.secret.expect("a secret").expose().to_owned();
        (made.id, secret)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::from(body.to_owned());
        self.app
            .gateway(request.body(body).expect("a request"))
            .await
    }

    /// A POST of a form, as curl's `-d` sends it.
    async fn form(&self, path: &str, headers: &[(&str, &str)], fields: &str) -> Reply {
        let mut all = vec![(header::CONTENT_TYPE.as_str(), FORM)];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, fields).await
    }
}

/// Status and code of a refusal, whatever the platform's style.
fn refused(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    let code = body.get("code").or_else(|| body["error"].get("code"));
    let code = code.and_then(|code| code.as_str()).unwrap_or_default();
    (reply.status.as_u16(), code.to_owned())
}

fn denied(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
