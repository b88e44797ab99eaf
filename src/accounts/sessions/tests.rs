//! Sessions and known browsers through the portal's router, by outcome.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};

use crate::{
    audit, on_both_engines,
    server::testing::{PASSWORD, Reply, Someone, TestApp, cookie},
    workspaces::Role,
};

const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1";

async fn sign_in(app: &TestApp, email: &str, agent: &str, cookies: &str) -> Reply {
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("email", email), ("password", PASSWORD)])
        .finish();
    let request = Request::post("/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::USER_AGENT, agent)
        .header(header::COOKIE, cookies)
        .body(Body::from(body))
        .expect("a request");
    let reply = app.portal(request).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.body);
    reply
}

/// The same person in another browser.
async fn elsewhere(app: &TestApp, someone: &Someone, agent: &str) -> Someone {
    let reply = sign_in(app, &someone.email, agent, "").await;
    Someone {
        cookie: cookie(&reply).expect("a session cookie"),
        ..someone.clone()
    }
}

fn device_cookie(reply: &Reply) -> String {
    let line = reply
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|text| text.starts_with("latchkey-device="))
        .expect("the browser is given a cookie");
    assert!(
        line.ends_with("; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"),
        "{line}"
    );
    line.split(';').next().unwrap_or_default().to_owned()
}

/// The ids of the rows in the page, the current one last seen "now".
async fn ids(app: &TestApp, who: &Someone) -> (Vec<String>, String) {
    let page = app.get("/settings/sessions", Some(who)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let table = page.between("<tbody", "</tbody>");
    let mut current = String::new();
    let ids: Vec<String> = table
        .split("<tr")
        .skip(1)
        .map(|row| {
            let id = row
                .split("name=\"end\" value=\"")
                .nth(1)
                .and_then(|rest| rest.split('"').next())
                .expect("each row can be ended")
                .to_owned();
            if row.contains("This browser") {
                current.clone_from(&id);
            }
            id
        })
        .collect();
    (ids, current)
}

async fn subjects(app: &TestApp, user_id: &str) -> Vec<(String, String)> {
    let mut reader = app.state.db.read().await.expect("a connection");
    crate::fetch_all!(
        &mut reader,
        (String, String),
        "select subject, body from notices where user_id = $1 order by id",
        user_id
    )
    .expect("read")
}

on_both_engines! {
    async fn sessions_are_listed_with_the_browser_in_words_and_end_on_their_next_request(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let here = app.member(&workspace, &[Role::Developer]).await;
        let phone = elsewhere(&app, &here, IPHONE).await;
        let script = elsewhere(&app, &here, "<b>evil</b>").await;
        let page = app.get("/settings/sessions", Some(&phone)).await;
        for words in ["Safari on iPhone", "Unknown browser", "203.0.113.9", "This browser"] {
            assert!(page.body.contains(words), "{words}: {}", page.body);
        }
        assert!(!page.body.contains("evil") && !page.body.contains("AppleWebKit"));
        assert!(!page.body.contains(phone.cookie.trim_start_matches("latchkey=")));
        let (all, current) = ids(&app, &phone).await;
        assert_eq!(all.len(), 3);
        assert!(all.iter().all(|id| id.len() == 16));

        let (_, of_script) = ids(&app, &script).await;
        let ended = app.post("/settings/sessions", Some(&phone), &[("end", &of_script)]).await;
        assert_eq!((ended.status, ended.location()), (StatusCode::SEE_OTHER, "/settings/sessions?done=one"));
        assert_eq!(app.get("/keys", Some(&script)).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.get("/keys", Some(&here)).await.status, StatusCode::OK);
        let again = app.post("/settings/sessions", Some(&phone), &[("end", &of_script)]).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND);

        elsewhere(&app, &here, CHROME).await;
        let others = app.post("/settings/sessions", Some(&phone), &[("end", "others")]).await;
        assert_eq!(others.location(), "/settings/sessions?done=others");
        assert_eq!(app.get("/keys", Some(&here)).await.status, StatusCode::SEE_OTHER);
        assert_eq!(ids(&app, &phone).await, (vec![current.clone()], current.clone()));
        let mut reader = app.state.db.read().await.expect("a connection");
        let details: Vec<(String,)> = crate::fetch_all!(
            &mut reader, (String,), "select detail from audit_entries where action = 'session.revoked' order by seq"
        ).expect("read");
        assert_eq!(details, [("{\"count\":1}".to_owned(),), ("{\"count\":2}".to_owned(),)]);
        assert!(audit::verify(&mut reader).await.expect("read").ok);
        drop(reader);

        let out = app.post("/settings/sessions", Some(&phone), &[("end", &current)]).await;
        assert_eq!(out.location(), "/login");
        assert_eq!(app.get("/keys", Some(&phone)).await.status, StatusCode::SEE_OTHER);
    }

    async fn sessions_of_others_are_answered_like_none(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let one = app.member(&workspace, &[Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Owner]).await;
        let (_, id) = ids(&app, &one).await;
        let mut bodies = Vec::new();
        for id in [id.as_str(), "0123456789abcdef", "", "x\0", "' or 1=1 --"] {
            let reply = app.post("/settings/sessions", Some(&other), &[("end", id)]).await;
            assert_eq!(reply.status, StatusCode::NOT_FOUND, "{id:?}");
            bodies.push(reply.body.len());
        }
        assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(app.get("/keys", Some(&one)).await.status, StatusCode::OK);
    }

    async fn a_new_browser_is_told_of_and_a_known_one_is_not(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        assert!(subjects(&app, &someone.id).await.is_empty(), "the first browser is no news");

        let phone = device_cookie(&sign_in(&app, &someone.email, IPHONE, "").await);
        let told = subjects(&app, &someone.id).await;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, "New sign-in from Safari on iPhone");
        assert!(told[0].1.contains("Safari on iPhone, 203.0.113.9, at "), "{}", told[0].1);
        let again = device_cookie(&sign_in(&app, &someone.email, IPHONE, &format!("theme=dark; {phone}")).await);
        assert_eq!(again, phone, "a browser keeps its cookie");
        assert_eq!(subjects(&app, &someone.id).await.len(), 1);

        // Somebody else in the same browser: it is new to them, but their first is known already.
        let other = app.member(&workspace, &[Role::Developer]).await;
        assert_eq!(device_cookie(&sign_in(&app, &other.email, IPHONE, &phone).await), phone);
        assert_eq!(subjects(&app, &other.id).await.len(), 1);
        assert_eq!(subjects(&app, &someone.id).await.len(), 1);

        let mut reader = app.state.db.read().await.expect("a connection");
        let stored: Vec<(Vec<u8>, String)> =
            crate::fetch_all!(&mut reader, (Vec<u8>, String), "select id_hash, words from devices").expect("read");
        let value = phone.trim_start_matches("latchkey-device=");
        assert!(stored.iter().all(|(hash, words)| hex::encode(hash) != value && !words.contains("Mozilla")));
        let mails: (i64,) =
            crate::fetch_one!(&mut reader, (i64,), "select count(*) from mails where user_id = $1", &someone.id).expect("counted");
        assert_eq!(mails.0, 1);
    }

    async fn a_cookie_that_we_did_not_give_out_is_not_taken(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        for planted in ["0123456789abcdef0123456789abcdef", "x", "", "0123456789ABCDEF0123456789ABCDEF"] {
            let planted = format!("latchkey-device={planted}");
            let given = device_cookie(&sign_in(&app, &someone.email, CHROME, &planted).await);
            assert_ne!(given, planted);
        }
        assert_eq!(subjects(&app, &someone.id).await.len(), 4);
    }
}
