//! The forms of this feature.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use url::Url;

use super::{ops, password::Typed, session, sessions};
use crate::{
    error::UiErrorKind,
    server::{
        address,
        error::AppError,
        page::{Outcome, Submission},
        prefs,
    },
    ui::layout::Theme,
};

pub async fn sign_in(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let email = form.fields.get("email").trim();
            let password = Typed::new(form.fields.get("password"));
            if email.is_empty() {
                return Err(AppError::field("email", "Type your e-mail address."));
            }
            if password.is_empty() {
                return Err(AppError::field("password", "Type your password."));
            }
            let from = address::of(form.headers(), &form.parts().extensions, &form.state.config);
            let user = ops::sign_in(
                &form.state,
                email,
                &password,
                from,
                sessions::device::cookie(form.headers(), &form.state.config),
            )
            .await?;
            let next = local(form.fields.get("next"), "/");
            if user.totp + user.passkeys > 0 {
                session::hold(&form.session, &user.id, user.epoch, form.state.clock.now())
                    .await
                    .map_err(session::failed)?;
                let query: String = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("next", &next)
                    .finish();
                return Ok(Outcome::Go(format!("/login/code?{query}")));
            }
            sessions::post::signed_in(form, &user.id, user.epoch, "password").await?;
            Ok(Outcome::Go(next))
        })
        .await
}

pub async fn sign_out(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            ops::sign_out(&form.state, form.viewer()?).await?;
            form.session.flush().await.map_err(session::failed)?;
            Ok(Outcome::Go("/login".to_owned()))
        })
        .await
}

/// Remembers the theme and goes back to the page that it was chosen on.
pub async fn set_theme(submission: Submission) -> Response {
    let theme = Theme::parse(submission.fields.get("theme"));
    remembered(&submission, "theme", theme.attribute().unwrap_or("system"))
}

/// Remembers whether shortcuts of one letter are on.
pub async fn set_shortcuts(submission: Submission) -> Response {
    let off = submission.fields.get("shortcuts") == "off";
    remembered(&submission, "shortcuts", if off { "off" } else { "on" })
}

fn remembered(submission: &Submission, name: &str, value: &str) -> Response {
    let mut response = Redirect::to(&referring_path(submission.headers())).into_response();
    if let Some(cookie) = prefs::remember(name, value) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

pub async fn switch_workspace(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let wanted = form.fields.get("workspace");
            let viewer = form.viewer()?;
            if !viewer.workspaces.iter().any(|(id, _)| id == wanted) {
                return Err(AppError::not_found());
            }
            session::choose_workspace(&form.session, wanted)
                .await
                .map_err(session::failed)?;
            Ok(Outcome::Go("/dashboard".to_owned()))
        })
        .await
}

pub async fn set_pin(submission: Submission) -> Response {
    submission
        .answer(async |form| {
            let pin = Typed::new(form.fields.get("new_pin"));
            let password = Typed::new(form.fields.get("password"));
            if password.is_empty() {
                return Err(AppError::field(
                    "password",
                    "Type your password to confirm it's you.",
                ));
            }
            match ops::set_pin(&form.state, form.viewer()?, &pin, &password).await {
                Ok(()) => Ok(Outcome::Go(local(
                    form.fields.get("next"),
                    "/settings/security?done=pin",
                ))),
                // The password field of this page is the proof.
                Err(AppError::Told(mut error)) if error.kind == UiErrorKind::Invalid => {
                    for field in &mut error.fields {
                        if field.field == super::step_up::FIELD {
                            "password".clone_into(&mut field.field);
                        }
                    }
                    Err(AppError::Told(error))
                }
                Err(error) => Err(error),
            }
        })
        .await
}

/// A path of this site, or `otherwise`: what stands in a `next` may have been put there by anyone.
pub fn local(next: &str, otherwise: &str) -> String {
    let base = Url::parse("http://local.invalid/").ok();
    let resolved = base.as_ref().and_then(|base| base.join(next).ok());
    match (base, resolved) {
        // Dot segments may leave a path that begins with two slashes, which a browser takes for another host.
        (Some(base), Some(url))
            if next.starts_with('/')
                && url.origin() == base.origin()
                && !url.path().starts_with("//")
                && url.path() != "/login" =>
        {
            url[url::Position::BeforePath..].to_owned()
        }
        _ => otherwise.to_owned(),
    }
}

fn referring_path(headers: &HeaderMap) -> String {
    let path = headers
        .get(header::REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| Url::parse(text).ok())
        .map(|url| url[url::Position::BeforePath..].to_owned());
    local(path.as_deref().unwrap_or_default(), "/")
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn a_forged_next_leads_nowhere_else() {
        for next in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2e//evil.example",
            "/\t/evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "",
            "keys",
            "/login?next=/keys",
        ] {
            assert_eq!(local(next, "/dashboard"), "/dashboard", "{next:?}");
        }
        assert_eq!(
            local("/keys?tab=inactive", "/dashboard"),
            "/keys?tab=inactive"
        );
    }
}
