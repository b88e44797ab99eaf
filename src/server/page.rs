//! Pages and the forms on them.
//!
//! A form is sent to the address of the page that it stands on. If what was asked for cannot be done, the answer is
//! that page again, with everything that was typed (but no secret), the error beside its field and the right
//! status; if it was done, the answer leads on. So nothing typed is lost, with or without scripts, and nothing has to be
//! kept between two requests.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Extension, RequestExt,
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use leptos::prelude::{provide_context, use_context};
use tower_sessions::Session;
use zeroize::Zeroizing;

use super::{error::AppError, prefs, state::AppState};
use crate::{
    accounts::Viewer,
    app,
    error::{UiError, UiErrorKind},
    keys::{allow::Line, ops::Creation},
    profiles::Environment,
    webhooks::ops::Made,
};

/// Largest form read. The longest honest one, a key with every scope, is a few kilobytes.
pub const MAX_FORM: usize = 64 * 1024;

/// The fields of a form as they were sent, in order; a name may stand several times.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

/// Fields whose value is never put back into a page.
const SECRET_FIELDS: &[&str] = &[
    "password",
    "new_password",
    "proof",
    "new_pin",
    "code",
    "passkey",
];

impl Fields {
    fn parse(body: &[u8]) -> Option<Self> {
        // The parser is lenient about bytes that are no UTF-8; a form that holds them was not sent by a page.
        let text = std::str::from_utf8(body).ok()?;
        let fields: Vec<_> = url::form_urlencoded::parse(text.as_bytes())
            .into_owned()
            .collect();
        let replaced = |text: &String| text.contains('\u{fffd}');
        (!fields
            .iter()
            .any(|(name, value)| replaced(name) || replaced(value)))
        .then_some(Self(fields))
    }

    /// The first value of that name; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .collect()
    }

    fn without_secrets(&self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| !SECRET_FIELDS.contains(&name.as_str()))
                .cloned()
                .collect(),
        )
    }
}

/// What a page is answered with beside its own data: the form that was sent to it, and what came of that.
#[derive(Clone, Default)]
pub struct Answer {
    pub fields: Fields,
    pub error: Option<UiError>,
    /// What this answer alone shows.
    pub once: Option<Arc<Once>>,
    /// The page itself could not be shown; the error stands in its place.
    pub refused: bool,
}

impl Answer {
    /// The answer being rendered.
    pub fn here() -> Self {
        use_context().unwrap_or_default()
    }

    pub fn value(&self, name: &str) -> String {
        self.fields.get(name).to_owned()
    }

    pub fn key(&self) -> Option<&Creation> {
        match self.once.as_deref()? {
            Once::Key(creation) => Some(creation),
            _ => None,
        }
    }

    pub fn signing(&self) -> Option<&Made> {
        match self.once.as_deref()? {
            Once::Signing(made) => Some(made),
            _ => None,
        }
    }

    pub fn error_at(&self, field: &str) -> Option<String> {
        self.error.as_ref()?.at(field)
    }
}

/// The state, from within a page or server function.
pub fn state() -> Result<AppState, UiError> {
    use_context().ok_or_else(|| UiError::new(UiErrorKind::Unavailable, "The page lost its server."))
}

/// The environment of that id, from within a server function.
pub fn environment<'a>(state: &'a AppState, id: &str) -> Result<&'a Environment, UiError> {
    state
        .profile
        .environment(id)
        .ok_or_else(|| UiError::new(UiErrorKind::NotFound, "There is no such environment."))
}

/// The request, from within a page.
pub fn parts() -> Option<Parts> {
    use_context()
}

/// `GET` of any page.
pub async fn show(Extension(state): Extension<AppState>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    render(state, parts, Answer::default()).await
}

/// The page at the request's path, with this answer.
pub async fn render(state: AppState, mut parts: Parts, answer: Answer) -> Response {
    let status = answer
        .error
        .as_ref()
        .and_then(|error| StatusCode::from_u16(error.kind.status()).ok());
    let remembered = prefs::asked_environment(&parts, &state.profile)
        .and_then(|environment| prefs::remember("env", &environment.id));
    parts.method = Method::GET;
    let scripts = IslandScripts::default();
    let context = {
        let (state, scripts) = (state.clone(), scripts.clone());
        move || {
            provide_context(state.clone());
            provide_context(answer.clone());
            provide_context(scripts.clone());
        }
    };
    let render = leptos_axum::render_app_async_with_context(context, app::shell);
    let response = render(Request::from_parts(parts, Body::empty())).await;
    let mut response = scripts.into_page(response).await;
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    if let Some(cookie) = remembered {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// What wakes the islands of a page: put into its head once it is known that it has any.
#[derive(Clone, Default)]
pub struct IslandScripts(Arc<Mutex<String>>);

impl IslandScripts {
    pub fn set(&self, html: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = html;
    }

    async fn into_page(self, response: Response) -> Response {
        let (parts, body) = response.into_parts();
        // The page was rendered whole before its answer began, so this copies and waits for nothing.
        let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let body = match std::str::from_utf8(&bytes) {
            Ok(html) if html.contains("<leptos-island") => {
                Body::from(html.replacen("</head>", &format!("{scripts}</head>"), 1))
            }
            _ => Body::from(bytes),
        };
        Response::from_parts(parts, body)
    }
}

/// The error in place of the page that was asked for.
pub async fn refuse(mut request: Request, error: UiError) -> Response {
    let Some(Extension(state)) = request.extract_parts::<Extension<AppState>>().await.ok() else {
        return told(error);
    };
    let (parts, _) = request.into_parts();
    let answer = Answer {
        error: Some(error),
        refused: true,
        ..Answer::default()
    };
    render(state, parts, answer).await
}

/// The error as JSON, for what is no page.
pub fn told(error: UiError) -> Response {
    AppError::Told(error).into_response()
}

/// A form that was sent, and all that is needed to answer it.
pub struct Submission {
    pub state: AppState,
    pub viewer: Option<Viewer>,
    pub session: Session,
    pub fields: Fields,
    parts: Parts,
    cookies: Mutex<Vec<HeaderValue>>,
}

/// What is shown in one answer and never again.
pub enum Once {
    Key(Creation),
    /// The signing secret of a webhook endpoint.
    Signing(Made),
    RecoveryCodes(Vec<Zeroizing<String>>),
    /// The whole address of an invitation.
    Invitation {
        email: String,
        link: Zeroizing<String>,
    },
    /// A token of the command line.
    CliToken {
        name: String,
        token: Zeroizing<String>,
    },
    /// Line by line what became of the entries that were added to a key's list.
    Entries(Vec<Line>),
}

/// What comes of a form that could be served.
pub enum Outcome {
    /// On to another page (303).
    Go(String),
    /// The page that shows what was made, this once.
    Show(Once),
    /// A file that the browser saves.
    File(Attachment),
    /// The same page, filled as it was sent: something on it is to be asked differently.
    Again,
}

/// A file made for one answer, which nothing on the way may keep.
pub struct Attachment {
    pub name: &'static str,
    pub media_type: &'static str,
    pub content: String,
}

impl IntoResponse for Attachment {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}\"", self.name);
        (
            [
                (header::CONTENT_TYPE, self.media_type),
                (header::CONTENT_DISPOSITION, disposition.as_str()),
                (header::CACHE_CONTROL, "no-store"),
            ],
            self.content,
        )
            .into_response()
    }
}

impl Submission {
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Whether another way to confirm was asked for: the form comes back with it, and nothing is wrong with it.
    pub fn wants_another_factor(&self) -> bool {
        !self.fields.get("other_factor").is_empty()
    }

    /// Gives the browser a cookie with the answer.
    pub fn set_cookie(&self, cookie: HeaderValue) {
        self.cookies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cookie);
    }

    /// The person who sent it; the route's guard has let nobody else through.
    pub fn viewer(&self) -> Result<&Viewer, AppError> {
        self.viewer
            .as_ref()
            .ok_or_else(|| AppError::Told(crate::accounts::viewer::signed_out()))
    }

    /// Answers the form by what came of it.
    pub async fn answer(
        self,
        serve: impl AsyncFnOnce(&Self) -> Result<Outcome, AppError>,
    ) -> Response {
        let outcome = serve(&self).await;
        let cookies =
            std::mem::take(&mut *self.cookies.lock().unwrap_or_else(PoisonError::into_inner));
        let mut response = self.response(outcome).await;
        for cookie in cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    async fn response(self, outcome: Result<Outcome, AppError>) -> Response {
        let (answer, retry_after) = match outcome {
            Ok(Outcome::Go(to)) => return Redirect::to(&to).into_response(),
            Ok(Outcome::File(file)) => return file.into_response(),
            Ok(Outcome::Show(once)) => {
                let answer = Answer {
                    once: Some(Arc::new(once)),
                    ..Answer::default()
                };
                (answer, None)
            }
            Ok(Outcome::Again) => {
                let answer = Answer {
                    fields: self.fields.without_secrets(),
                    ..Answer::default()
                };
                (answer, None)
            }
            Err(error) => {
                let retry_after = match error {
                    AppError::TooMany(seconds) => Some(seconds),
                    _ => None,
                };
                let error = error.into_ui();
                let answer = Answer {
                    fields: self.fields.without_secrets(),
                    refused: matches!(error.kind, UiErrorKind::NotFound | UiErrorKind::NotAllowed),
                    error: Some(error),
                    ..Answer::default()
                };
                (answer, retry_after)
            }
        };
        let mut response = render(self.state, self.parts, answer).await;
        if let Some(seconds) = retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl<S: Send + Sync> FromRequest<S> for Submission {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let (Some(state), Some(session)) = (
            parts.extensions.get::<AppState>().cloned(),
            parts.extensions.get::<Session>().cloned(),
        ) else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        match fields(&parts, body).await {
            Ok(fields) => Ok(Self {
                viewer: parts.extensions.get::<Viewer>().cloned(),
                state,
                session,
                fields,
                parts,
                cookies: Mutex::default(),
            }),
            Err(error) => {
                let answer = Answer {
                    error: Some(error),
                    refused: true,
                    ..Answer::default()
                };
                Err(render(state, parts, answer).await)
            }
        }
    }
}

fn fields(parts: &Parts, body: Body) -> impl Future<Output = Result<Fields, UiError>> + Send {
    let is_form = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    async move {
        let body: Bytes = axum::body::to_bytes(body, MAX_FORM).await.map_err(|_| {
            UiError::new(
                UiErrorKind::TooLarge,
                "That is more than a form here can hold. Nothing was changed; go back and shorten it.",
            )
        })?;
        let unreadable = || {
            UiError::new(
                UiErrorKind::BadRequest,
                "The form could not be read. Nothing was changed.",
            )
        };
        if !is_form && !body.is_empty() {
            return Err(unreadable());
        }
        Fields::parse(&body).ok_or_else(unreadable)
    }
}
