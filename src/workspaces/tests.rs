//! Workspaces, members and invitations through the portal's router, by outcome.

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;

use super::{Grants, Role, policy, store};
use crate::{
    accounts::factors,
    audit,
    mail::Letter,
    on_both_engines,
    server::{
        clock::{DAY, HOUR},
        testing::{PASSWORD, Reply, Someone, TestApp, cookie},
    },
};

const PROOF: [(&str, &str); 2] = [("factor", "password"), ("proof", PASSWORD)];
const GONE: &str =
    "This invitation can't be used: it was used, taken back or has expired. Ask for a new one.";

async fn send(app: &TestApp, who: &Someone, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut all = fields.to_vec();
    all.extend(PROOF);
    app.post(path, Some(who), &all).await
}

async fn invite(app: &TestApp, who: &Someone, email: &str, roles: &[&str]) -> Reply {
    let mut fields = vec![("email", email)];
    fields.extend(roles.iter().map(|role| ("roles", *role)));
    send(app, who, "/members/invite", &fields).await
}

/// The token of a link that an answer shows.
fn token(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    reply.between("/join?token=", "\"").to_owned()
}

async fn invited(app: &TestApp, who: &Someone, email: &str, roles: &[&str]) -> String {
    token(&invite(app, who, email, roles).await)
}

async fn join(app: &TestApp, who: &Someone, token: &str) -> Reply {
    app.post("/join", Some(who), &[("token", token)]).await
}

/// Somebody with an account, a member of a workspace of no interest.
async fn stranger(app: &TestApp) -> Someone {
    let elsewhere = app.workspace("Elsewhere").await;
    app.member(&elsewhere, &[Role::Developer]).await
}

/// The same person in another browser, or after their session ended.
async fn again(app: &TestApp, who: &Someone) -> Someone {
    let fields = [("email", who.email.as_str()), ("password", PASSWORD)];
    let reply = app.post("/login", None, &fields).await;
    Someone {
        cookie: cookie(&reply).expect("a session cookie"),
        ..who.clone()
    }
}

async fn rename(app: &TestApp, who: &mut Someone, email: &str) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    crate::execute!(
        tx,
        "update users set email = $2, email_folded = $3 where id = $1",
        &who.id,
        email,
        crate::accounts::store::folded(email)
    )
    .expect("updated");
    tx.commit().await.expect("committed");
    email.clone_into(&mut who.email);
}

async fn stored(app: &TestApp, workspace: &str, who: &Someone) -> Option<String> {
    let mut reader = app.state.db.read().await.expect("a connection");
    store::member(&mut reader, workspace, &who.id)
        .await
        .expect("read")
        .map(|member| member.roles)
}

async fn change(app: &TestApp, who: &Someone, target: &Someone, roles: &[&str]) -> Reply {
    let was = stored(app, &who.workspace_id, target)
        .await
        .expect("a member");
    let mut fields = vec![("was", was.as_str())];
    fields.extend(roles.iter().map(|role| ("roles", *role)));
    send(app, who, &format!("/members/{}/roles", target.id), &fields).await
}

async fn letters(app: &TestApp) -> Vec<Letter> {
    let mut reader = app.state.db.read().await.expect("a connection");
    let rows: Vec<(String, Vec<u8>)> = crate::fetch_all!(
        &mut reader,
        (String, Vec<u8>),
        "select id, sealed from mails order by id"
    )
    .expect("read");
    rows.iter()
        .map(|(id, sealed)| {
            let text = app
                .state
                .sealer
                .open(&format!("mail:{id}"), sealed)
                .expect("it opens");
            serde_json::from_slice(&text).expect("a letter")
        })
        .collect()
}

/// A page without what differs between two answers anyway.
fn bare(reply: &Reply, id: &str) -> String {
    let nonce = reply.between("nonce=\"", "\"").to_owned();
    reply.body.replace(&nonce, "").replace(id, "")
}

async fn set_up_factor(app: &TestApp, who: &Someone) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    factors::store::set_totp(&mut tx, &who.id, b"sealed", 0, app.clock.now())
        .await
        .expect("set");
    tx.commit().await.expect("committed");
}

/// The day that begins so much from now, as a date field has it.
fn day(app: &TestApp, days: i64) -> String {
    policy::day_before(app.clock.now() + days * DAY + 1)
}

on_both_engines! {
    async fn an_invitation_is_mailed_and_shown_once_and_makes_one_member(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let guest = stranger(&app).await;
        let shown = invite(&app, &admin, &guest.email, &["developer", "auditor"]).await;
        let link = token(&shown);
        assert_eq!(shown.headers["cache-control"], "no-store");
        let mailed = letters(&app).await;
        let letter = mailed.iter().find(|letter| letter.to == guest.email).expect("mailed");
        let button = letter.button.as_ref().expect("a button");
        assert!(button.1.ends_with(&format!("/join?token={link}")), "{}", button.1);
        assert!(letter.subject.contains("Acme"), "{}", letter.subject);
        let list = app.get("/members", Some(&admin)).await;
        assert!(list.body.contains("Pending invitations") && list.body.contains(&guest.email));
        assert!(!list.body.contains(&link), "the link is shown once");

        let path = format!("/join?token={link}");
        let nobody = app.get(&path, None).await;
        assert_eq!(nobody.status, StatusCode::OK);
        assert!(nobody.body.contains("Join Acme"), "{}", nobody.body);
        assert!(nobody.body.contains("/login?next=%2Fjoin%3Ftoken%3D"), "{}", nobody.body);
        let other = stranger(&app).await;
        let wrong = app.get(&path, Some(&other)).await;
        assert!(wrong.body.contains("another address") && !wrong.body.contains(&guest.email));
        assert_eq!(join(&app, &other, &link).await.status, StatusCode::FORBIDDEN);

        let right = app.get(&path, Some(&guest)).await;
        assert!(right.body.contains("Join workspace"), "{}", right.body);
        let joined = join(&app, &guest, &link).await;
        assert_eq!((joined.status, joined.location()), (StatusCode::SEE_OTHER, "/dashboard"), "{}", joined.body);
        assert_eq!(stored(&app, &workspace, &guest).await.as_deref(), Some("developer,auditor"));
        // They act in the new workspace at once.
        let members = app.get("/members", Some(&guest)).await;
        assert!(members.body.contains(&admin.email), "{}", members.body);
        for reply in [join(&app, &guest, &link).await, app.get(&path, Some(&guest)).await] {
            assert_eq!(reply.status, StatusCode::NOT_FOUND);
            assert!(reply.body.contains(GONE), "{}", reply.body);
        }

        let mut reader = app.state.db.read().await.expect("a connection");
        assert!(audit::verify(&mut reader).await.expect("read").ok);
        let events: Vec<(String,)> =
            crate::fetch_all!(&mut reader, (String,), "select type from outbox_events").expect("read");
        assert_eq!(events, [("member.added".to_owned(),)]);
        let entries: Vec<(String, String)> = crate::fetch_all!(
            &mut reader,
            (String, String),
            "select action, detail from audit_entries where chain_id = $1 and action like 'member.%' order by seq",
            &workspace
        )
        .expect("read");
        let actions: Vec<&str> = entries.iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!(actions, ["member.invited", "member.added"]);
        assert!(!entries.iter().any(|(_, detail)| detail.contains('@')), "people stand in the record by id");
        let told: Vec<(String,)> =
            crate::fetch_all!(&mut reader, (String,), "select user_id from notices").expect("read");
        assert_eq!(told, [(admin.id.clone(),)]);
    }

    async fn links_that_work_no_more_all_read_alike(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let guest = stranger(&app).await;
        let replaced = invited(&app, &admin, &guest.email, &["developer"]).await;
        let renewed = invited(&app, &admin, &guest.email, &["checker"]).await;
        let list = app.get("/members", Some(&admin)).await;
        let id = format!("inv_{}", list.between("/members/invitations/inv_", "/"));
        assert_eq!(list.body.matches("/renew\"").count(), 1, "one waits for an address");
        let path = format!("/members/invitations/{id}/renew");
        assert_eq!(app.get(&path, Some(&admin)).await.status, StatusCode::OK);
        let withdrawn = token(&send(&app, &admin, &path, &[]).await);
        let list = app.get("/members", Some(&admin)).await;
        let id = format!("inv_{}", list.between("/members/invitations/inv_", "/"));
        assert!(app.get(&format!("/join?token={withdrawn}"), None).await.status == StatusCode::OK);
        let path = format!("/members/invitations/{id}/withdraw");
        assert_eq!(app.get(&path, Some(&admin)).await.status, StatusCode::OK);
        assert_eq!(app.post(&path, Some(&admin), &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.post(&path, Some(&admin), &[]).await.status, StatusCode::NOT_FOUND);
        let expired = invited(&app, &admin, &guest.email, &["checker"]).await;
        app.clock.advance(7 * DAY);
        let guest = again(&app, &guest).await;
        let truncated = expired[..63].to_owned();
        let unknown = "0".repeat(64);
        let tokens = [replaced, renewed, withdrawn, expired, truncated, unknown, String::new(), "\0'".to_owned()];
        let mut bodies = Vec::new();
        for token in &tokens {
            let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
            for reply in [app.get(&format!("/join?token={encoded}"), None).await, join(&app, &guest, token).await] {
                assert_eq!(reply.status, StatusCode::NOT_FOUND);
                assert!(reply.body.contains(GONE), "{}", reply.body);
                bodies.push(bare(&reply, "-"));
            }
        }
        assert!(bodies.iter().step_by(2).all(|body| *body == bodies[0]));
        assert!(bodies.iter().skip(1).step_by(2).all(|body| *body == bodies[1]));
        assert_eq!(stored(&app, &workspace, &guest).await, None);
    }

    async fn an_invitation_is_bound_to_its_very_address(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let mut guest = stranger(&app).await;
        // A plus address is another mailbox; a Cyrillic letter that looks Latin makes another one, in either half.
        for (invitee, holder) in [
            ("ann+acme@example.test", "ann@example.test"),
            ("ann@example.test", "ann+acme@example.test"),
            ("\u{430}nn@example.test", "ann@example.test"),
            ("ann@ex\u{430}mple.test", "ann@example.test"),
        ] {
            rename(&app, &mut guest, holder).await;
            let link = invited(&app, &admin, invitee, &["developer"]).await;
            assert_eq!(join(&app, &guest, &link).await.status, StatusCode::FORBIDDEN, "{invitee}");
        }
        // Capitals and spaces around it are not.
        rename(&app, &mut guest, "Ann@Example.Test").await;
        let link = invited(&app, &admin, "  ann@eXample.test ", &["developer"]).await;
        assert_eq!(join(&app, &guest, &link).await.status, StatusCode::SEE_OTHER);
    }

    async fn an_invitation_that_cannot_be_is_refused_beside_its_field(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let other = app.member(&workspace, &[Role::Developer]).await;
        for (email, roles, words) in [
            (other.email.as_str(), &["developer"][..], "is a member already"),
            (&admin.email, &["developer"], "your own address"),
            ("nobody", &["developer"], "not an e-mail address"),
            ("a@b.test\u{202e}", &["developer"], "not an e-mail address"),
            ("a@b.test", &[], "Choose at least one role."),
            ("a@b.test", &["boss"], "Choose roles from the list."),
            ("a@b.test", &["owner"], "Only an owner can invite an owner."),
        ] {
            let reply = invite(&app, &admin, email, roles).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{email} {roles:?}");
            assert!(reply.body.contains(words), "{email} {roles:?}: {}", reply.body);
            assert!(!reply.body.contains("/join?token="));
        }
        assert_eq!(letters(&app).await.len(), 0);
        let yesterday = day(&app, -1);
        let fields = [("email", "a@b.test"), ("roles", "checker"), ("checker_until", yesterday.as_str())];
        let late = send(&app, &admin, "/members/invite", &fields).await;
        assert!(late.status == StatusCode::UNPROCESSABLE_ENTITY && late.body.contains("That day is over."));
        assert!(late.body.contains("value=\"a@b.test\"") && late.body.contains(&yesterday), "what was typed is kept");
        let unproven = app
            .post("/members/invite", Some(&admin), &[("email", "a@b.test"), ("roles", "checker")])
            .await;
        assert_eq!(unproven.status, StatusCode::UNPROCESSABLE_ENTITY);
        let developer = invite(&app, &other, "a@b.test", &["developer"]).await;
        assert_eq!(developer.status, StatusCode::FORBIDDEN);
    }

    async fn fifty_who_join_with_one_link_at_once_make_one_member(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let guest = stranger(&app).await;
        let link = invited(&app, &admin, &guest.email, &["developer"]).await;
        let replies = join_all((0..50).map(|_| join(&app, &guest, &link))).await;
        let with = |status| replies.iter().filter(|reply| reply.status == status).count();
        assert_eq!((with(StatusCode::SEE_OTHER), with(StatusCode::NOT_FOUND)), (1, 49));
        let mut reader = app.state.db.read().await.expect("a connection");
        let (events,): (i64,) =
            crate::fetch_one!(&mut reader, (i64,), "select count(*) from outbox_events").expect("counted");
        assert_eq!(events, 1);
    }

    async fn joining_again_keeps_the_longer_of_each_role(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let guest = stranger(&app).await;
        let link = invited(&app, &admin, &guest.email, &["checker", "auditor"]).await;
        // Made a member otherwise, while the invitation waits.
        let mut tx = app.state.db.begin().await.expect("a transaction");
        let grants: Grants = "developer,checker@5".parse().expect("sound");
        store::add_member(&mut tx, &workspace, &guest.id, &grants, app.clock.now()).await.expect("added");
        tx.commit().await.expect("committed");
        assert_eq!(join(&app, &guest, &link).await.status, StatusCode::SEE_OTHER);
        assert_eq!(stored(&app, &workspace, &guest).await.as_deref(), Some("developer,checker,auditor"));
    }

    async fn a_workspace_sends_so_many_invitations_and_no_more(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let now = app.clock.now();
        let mut tx = app.state.db.begin().await.expect("a transaction");
        let grants = Grants::of(&[Role::Developer]);
        for number in 0..50_u8 {
            let email = format!("p{number}@example.test");
            let invitation = store::NewInvitation {
                id: &app.state.rng.id("inv", now),
                workspace_id: &workspace,
                email: &email,
                email_folded: &email,
                roles: &grants,
                token_hash: [number; 32],
                invited_by: &admin.id,
                expires_at: now + policy::INVITATION_LASTS,
            };
            store::insert_invitation(&mut tx, invitation, now).await.expect("inserted");
        }
        tx.commit().await.expect("committed");
        let full = invite(&app, &admin, "one@more.test", &["developer"]).await;
        assert!(full.status == StatusCode::UNPROCESSABLE_ENTITY && full.body.contains("50 invitations wait"));
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update invitations set withdrawn_at = 1").expect("updated");
        tx.commit().await.expect("committed");
        let fast = invite(&app, &admin, "one@more.test", &["developer"]).await;
        assert_eq!(fast.status, StatusCode::TOO_MANY_REQUESTS);
        app.clock.advance(HOUR - 60_000);
        app.get("/members", Some(&admin)).await;
        app.clock.advance(60_001);
        invited(&app, &admin, "one@more.test", &["developer"]).await;
    }

    async fn of_two_browsers_that_change_roles_at_once_one_is_told(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let one = app.member(&workspace, &[Role::Admin]).await;
        let other = app.member(&workspace, &[Role::Owner]).await;
        let target = app.member(&workspace, &[Role::Developer]).await;
        let path = format!("/members/{}/roles", target.id);
        let (checker, auditor) = (
            [("was", "developer"), ("roles", "checker")],
            [("was", "developer"), ("roles", "auditor")],
        );
        let replies = join_all([
            send(&app, &one, &path, &checker),
            send(&app, &other, &path, &auditor),
        ])
        .await;
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409]);
        let late = replies.iter().find(|reply| reply.status == StatusCode::CONFLICT).expect("one");
        assert!(late.body.contains("Someone changed this while you were editing; yours is kept below."));
        // Sent once more, the form knows what it changes.
        let now = stored(&app, &workspace, &target).await.expect("a member");
        assert!(late.body.contains(&format!("name=\"was\" value=\"{now}\"")), "{}", late.body);
    }

    async fn changed_roles_hold_from_the_next_request_on(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let target = app.member(&workspace, &[Role::Developer]).await;
        assert_eq!(app.get("/audit", Some(&target)).await.status, StatusCode::FORBIDDEN);
        let page = app.get(&format!("/members/{}/roles", target.id), Some(&admin)).await;
        assert!(page.status == StatusCode::OK && !page.body.contains("value=\"owner\""), "{}", page.body);
        assert_eq!(change(&app, &admin, &target, &["auditor"]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(app.get("/audit", Some(&target)).await.status, StatusCode::OK);
        assert_eq!(app.get("/keys/new", Some(&target)).await.status, StatusCode::FORBIDDEN);
        let told = letters(&app).await;
        assert!(told.iter().any(|letter| letter.to == target.email && letter.text[0].contains("from developer to auditor")));
        let same = change(&app, &admin, &target, &["auditor"]).await;
        assert_eq!(same.status, StatusCode::UNPROCESSABLE_ENTITY);
        let none = change(&app, &admin, &target, &[]).await;
        assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn nobody_gives_themselves_a_role_and_admins_leave_owners_alone(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let (admin, second) = (
            app.member(&workspace, &[Role::Admin]).await,
            app.member(&workspace, &[Role::Admin]).await,
        );
        let owner = app.member(&workspace, &[Role::Owner]).await;
        for roles in [&["admin", "checker"][..], &["admin", "owner"]] {
            let reply = change(&app, &admin, &admin, roles).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{roles:?}");
        }
        assert_eq!(change(&app, &second, &admin, &["admin", "checker"]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(change(&app, &admin, &owner, &["developer"]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(change(&app, &admin, &second, &["owner"]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let removed = send(&app, &admin, &format!("/members/{}/remove", owner.id), &[]).await;
        assert_eq!(removed.status, StatusCode::CONFLICT);
        assert_eq!(change(&app, &owner, &owner, &["owner", "checker"]).await.status, StatusCode::SEE_OTHER);
        // Whoever has just lost the right finds the form closed, and what they sent before it comes to nothing.
        assert_eq!(change(&app, &owner, &second, &["developer"]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(change(&app, &second, &admin, &["admin"]).await.status, StatusCode::FORBIDDEN);
    }

    async fn the_last_owner_stays_whatever_is_tried(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let member = app.member(&workspace, &[Role::Developer]).await;
        let page = app.get("/settings/workspace/leave", Some(&owner)).await;
        assert!(page.body.contains("can't leave") && page.body.contains("/settings/workspace/transfer"));
        assert_eq!(send(&app, &owner, "/settings/workspace/leave", &[]).await.status, StatusCode::CONFLICT);
        assert_eq!(change(&app, &owner, &owner, &["admin"]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let own = send(&app, &owner, &format!("/members/{}/remove", owner.id), &[]).await;
        assert_eq!(own.status, StatusCode::CONFLICT);
        assert_eq!(stored(&app, &workspace, &owner).await.as_deref(), Some("owner"));
        let page = app.get("/settings/workspace/leave", Some(&member)).await;
        assert!(page.status == StatusCode::OK && page.body.contains("Leave Acme?"), "{}", page.body);
        let left = send(&app, &member, "/settings/workspace/leave", &[]).await;
        assert_eq!((left.status, left.location()), (StatusCode::SEE_OTHER, "/dashboard"), "{}", left.body);
        let home = app.get("/dashboard", Some(&member)).await;
        assert_eq!((home.status, home.location()), (StatusCode::SEE_OTHER, "/workspaces/new"));
    }

    async fn of_two_owners_who_leave_at_once_one_stays(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let one = app.member(&workspace, &[Role::Owner]).await;
        let other = app.member(&workspace, &[Role::Owner]).await;
        let path = "/settings/workspace/leave";
        let replies = join_all([send(&app, &one, path, &[]), send(&app, &other, path, &[])]).await;
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409]);
        let left = [stored(&app, &workspace, &one).await, stored(&app, &workspace, &other).await];
        assert_eq!(left.iter().flatten().count(), 1);
    }

    async fn other_workspaces_members_and_invitations_do_not_exist(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let elsewhere = app.workspace("Elsewhere").await;
        let (boss, foreign) = (
            app.member(&elsewhere, &[Role::Owner]).await,
            app.member(&elsewhere, &[Role::Developer]).await,
        );
        invited(&app, &boss, "a@b.test", &["developer"]).await;
        let list = app.get("/members", Some(&boss)).await;
        let invitation = format!("inv_{}", list.between("/members/invitations/inv_", "/"));
        let offered = send(&app, &boss, "/settings/workspace/transfer", &[("to", &foreign.id)]).await;
        assert_eq!(offered.status, StatusCode::SEE_OTHER, "{}", offered.body);
        let settings = app.get("/settings/workspace", Some(&boss)).await;
        let offer = format!("own_{}", settings.between("/ownership/own_", "\""));
        let now = app.clock.now();
        let [nobody, nothing, never] = ["usr", "inv", "own"].map(|prefix| app.state.rng.id(prefix, now));
        for (there, missing, before, after) in [
            (&foreign.id, &nobody, "/members/", "/roles"),
            (&foreign.id, &nobody, "/members/", "/remove"),
            (&invitation, &nothing, "/members/invitations/", "/renew"),
            (&invitation, &nothing, "/members/invitations/", "/withdraw"),
            (&offer, &never, "/ownership/", ""),
        ] {
            let fields = [("was", "developer"), ("roles", "auditor")];
            let mut bodies = Vec::new();
            for id in [there.as_str(), missing, "usr_short", "inv_%00", "' or 1=1"] {
                let path = format!("{before}{}{after}", id.replace(' ', "%20").replace('\'', "%27"));
                let got = app.get(&path, Some(&owner)).await;
                let sent = send(&app, &owner, &path, &fields).await;
                assert_eq!((got.status, sent.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{path}");
                bodies.push((bare(&got, &path), bare(&sent, &path)));
            }
            assert!(bodies.iter().all(|body| *body == bodies[0]), "{before}{after}");
        }
        assert_eq!(stored(&app, &elsewhere, &foreign).await.as_deref(), Some("developer"));
        let elsewhere = send(&app, &owner, "/settings/workspace/transfer", &[("to", &foreign.id)]).await;
        assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    }

    async fn a_role_ends_with_its_last_day(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let target = app.member(&workspace, &[Role::Developer]).await;
        let last_day = day(&app, 3);
        let fields = [
            ("was", "developer"),
            ("roles", "auditor"),
            ("auditor_until", last_day.as_str()),
        ];
        let path = format!("/members/{}/roles", target.id);
        assert_eq!(send(&app, &admin, &path, &fields).await.status, StatusCode::SEE_OTHER);
        assert!(app.get("/members", Some(&admin)).await.body.contains("Auditor until"));
        app.clock.advance(2 * DAY);
        let target = again(&app, &target).await;
        assert_eq!(app.get("/audit", Some(&target)).await.status, StatusCode::OK);
        app.clock.advance(2 * DAY);
        let (target, admin) = (again(&app, &target).await, again(&app, &admin).await);
        assert_eq!(app.get("/audit", Some(&target)).await.status, StatusCode::FORBIDDEN);
        assert!(app.get("/members", Some(&admin)).await.body.contains("Auditor, ended"));
        // Its box is empty now: sending the form does not bring it back.
        let page = app.get(&path, Some(&admin)).await;
        assert!(!page.body.contains(&last_day), "{}", page.body);
    }

    async fn the_keys_of_who_goes_are_handed_over_and_go_on_working(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let maker = app.member(&workspace, &[Role::Developer]).await;
        let (key, secret) = app.key(&workspace, "POS", &["customers:read"]).await;
        let own = |who: &Someone| {
            let (app, key, id) = (&app, key.clone(), who.id.clone());
            async move {
                let mut tx = app.state.db.begin().await.expect("a transaction");
                crate::execute!(tx, "update api_keys set owner_id = $2 where id = $1", key, id).expect("updated");
                tx.commit().await.expect("committed");
            }
        };
        let owner_of = || async {
            let mut reader = app.state.db.read().await.expect("a connection");
            let (id,): (Option<String>,) =
                crate::fetch_one!(&mut reader, (Option<String>,), "select owner_id from api_keys").expect("read");
            id
        };
        own(&maker).await;
        let page = app.get(&format!("/members/{}/remove", maker.id), Some(&admin)).await;
        assert!(page.body.contains("Their active key goes on working and becomes yours."), "{}", page.body);
        let removed = send(&app, &admin, &format!("/members/{}/remove", maker.id), &[]).await;
        assert_eq!(removed.status, StatusCode::SEE_OTHER, "{}", removed.body);
        assert_eq!(owner_of().await.as_deref(), Some(admin.id.as_str()));
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&secret)).await.status, StatusCode::OK);
        assert_eq!(app.get("/keys", Some(&maker)).await.status, StatusCode::FORBIDDEN);
        let mailed = letters(&app).await;
        assert!(mailed.iter().any(|letter| letter.to == maker.email && letter.subject.contains("removed from Acme")));

        let left = send(&app, &admin, "/settings/workspace/leave", &[]).await;
        assert_eq!(left.status, StatusCode::SEE_OTHER, "{}", left.body);
        assert_eq!(owner_of().await.as_deref(), Some(owner.id.as_str()));
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&secret)).await.status, StatusCode::OK);
        let audit = app.get("/audit", Some(&owner)).await;
        assert!(audit.body.contains("Left the workspace, handing over 1 key"), "{}", audit.body);
    }

    async fn what_a_removed_admin_sent_lets_nobody_in(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let guest = stranger(&app).await;
        for demoted in [false, true] {
            let admin = app.member(&workspace, &[Role::Admin]).await;
            let link = invited(&app, &admin, &guest.email, &["admin"]).await;
            let done = if demoted {
                change(&app, &owner, &admin, &["developer"]).await
            } else {
                send(&app, &owner, &format!("/members/{}/remove", admin.id), &[]).await
            };
            assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
            assert_eq!(join(&app, &guest, &link).await.status, StatusCode::NOT_FOUND, "{demoted}");
        }
    }

    async fn a_workspace_changes_hands_when_both_confirm(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner, Role::Checker]).await;
        let next = app.member(&workspace, &[Role::Developer]).await;
        let third = app.member(&workspace, &[Role::Admin]).await;
        let offer = |who: Someone, to: String| {
            let app = &app;
            async move {
                let path = "/settings/workspace/transfer";
                let unproven = app.post(path, Some(&who), &[("to", &to)]).await;
                assert_eq!(unproven.status, StatusCode::UNPROCESSABLE_ENTITY);
                let offered = send(app, &who, path, &[("to", &to)]).await;
                assert_eq!(offered.status, StatusCode::SEE_OTHER, "{}", offered.body);
                let page = app.get("/settings/workspace", Some(&who)).await;
                format!("/ownership/own_{}", page.between("/ownership/own_", "\""))
            }
        };
        let path = offer(owner.clone(), next.id.clone()).await;
        let twice = send(&app, &owner, "/settings/workspace/transfer", &[("to", &third.id)]).await;
        assert_eq!(twice.status, StatusCode::CONFLICT);
        assert_eq!(app.get(&path, Some(&third)).await.status, StatusCode::NOT_FOUND);
        assert_eq!(send(&app, &third, &path, &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(send(&app, &owner, &path, &[]).await.status, StatusCode::NOT_FOUND, "not by oneself");
        assert!(app.get(&path, Some(&next)).await.body.contains("Accept ownership"));
        assert_eq!(app.post(&path, Some(&next), &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(stored(&app, &workspace, &owner).await.as_deref(), Some("checker,owner"), "nothing changed yet");
        let accepted = send(&app, &next, &path, &[]).await;
        assert_eq!(accepted.status, StatusCode::SEE_OTHER, "{}", accepted.body);
        assert_eq!(stored(&app, &workspace, &owner).await.as_deref(), Some("checker,admin"));
        assert_eq!(stored(&app, &workspace, &next).await.as_deref(), Some("developer,owner"));
        assert_eq!(send(&app, &next, &path, &[]).await.status, StatusCode::NOT_FOUND, "once");

        // Back again: declined, withdrawn, expired, and then for good.
        for who in [&owner, &next] {
            let path = offer(next.clone(), owner.id.clone()).await;
            let ended = app.post(&path, Some(who), &[("decision", "end")]).await;
            assert_eq!(ended.status, StatusCode::SEE_OTHER, "{}", ended.body);
            assert_eq!(send(&app, &owner, &path, &[]).await.status, StatusCode::NOT_FOUND);
        }
        let path = offer(next.clone(), owner.id.clone()).await;
        app.clock.advance(7 * DAY);
        let (owner, next) = (again(&app, &owner).await, again(&app, &next).await);
        assert_eq!(send(&app, &owner, &path, &[]).await.status, StatusCode::NOT_FOUND);
        let path = offer(next.clone(), owner.id.clone()).await;
        assert_eq!(send(&app, &owner, &path, &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(stored(&app, &workspace, &owner).await.as_deref(), Some("checker,admin,owner"));
        assert_eq!(stored(&app, &workspace, &next).await.as_deref(), Some("developer,admin"));
        let mut reader = app.state.db.read().await.expect("a connection");
        assert!(audit::verify(&mut reader).await.expect("read").ok);
    }

    async fn a_required_second_factor_is_asked_of_everybody_but_who_has_one(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let admin = app.member(&workspace, &[Role::Admin]).await;
        let member = app.member(&workspace, &[Role::Developer]).await;
        let path = "/settings/workspace/second-factor";
        let page = app.get(path, Some(&admin)).await;
        assert!(page.body.contains("Set up a second factor of your own first"), "{}", page.body);
        assert_eq!(send(&app, &admin, path, &[("required", "yes")]).await.status, StatusCode::CONFLICT);
        set_up_factor(&app, &admin).await;
        let page = app.get(path, Some(&admin)).await;
        assert!(page.body.contains("1 member has none yet."), "{}", page.body);
        let set = send(&app, &admin, path, &[("required", "yes")]).await;
        assert_eq!(set.status, StatusCode::SEE_OTHER, "{}", set.body);
        for page in ["/dashboard", "/keys", "/members", "/settings/workspace/leave", "/workspaces/new"] {
            let led = app.get(page, Some(&member)).await;
            assert_eq!((led.status, led.location()), (StatusCode::SEE_OTHER, "/settings/security?enrol=1"), "{page}");
            assert_eq!(app.get(page, Some(&admin)).await.status, StatusCode::OK, "{page}");
        }
        assert_eq!(app.get("/settings/security", Some(&member)).await.status, StatusCode::OK);
        set_up_factor(&app, &member).await;
        assert_eq!(app.get("/keys", Some(&member)).await.status, StatusCode::OK);
        let off = send(&app, &admin, path, &[("required", "no")]).await;
        assert_eq!(off.status, StatusCode::SEE_OTHER, "{}", off.body);
        let told = letters(&app).await;
        let told: Vec<&str> = told
            .iter()
            .filter(|letter| letter.subject.contains("second factor"))
            .map(|letter| letter.to.as_str())
            .collect();
        assert_eq!(told, [member.email.as_str()]);
    }

    async fn a_suspended_workspace_takes_nobody_in_and_lets_anybody_go(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let member = app.member(&workspace, &[Role::Developer]).await;
        let guest = stranger(&app).await;
        let link = invited(&app, &owner, &guest.email, &["developer"]).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        crate::execute!(tx, "update workspaces set suspended_at = 1 where id = $1", &workspace).expect("updated");
        tx.commit().await.expect("committed");
        assert_eq!(invite(&app, &owner, "a@b.test", &["developer"]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(join(&app, &guest, &link).await.status, StatusCode::FORBIDDEN);
        assert!(app.get(&format!("/join?token={link}"), Some(&guest)).await.body.contains("suspended"));
        assert_eq!(send(&app, &member, "/settings/workspace/leave", &[]).await.status, StatusCode::SEE_OTHER);
    }

    async fn a_person_makes_workspaces_with_sound_names_and_not_without_end(test: TestDb) {
        let app = TestApp::start(test).await;
        let person = stranger(&app).await;
        let create = |name: String| {
            let (app, person) = (&app, &person);
            async move { app.post("/workspaces/new", Some(person), &[("name", &name)]).await }
        };
        for name in ["", "   ", "a\0b", "a\u{202e}b", "a\u{1b}[31m", &"x".repeat(61)] {
            let refused = create(name.to_owned()).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
        }
        let long = "\u{6771}".repeat(60);
        let made = create(long.clone()).await;
        assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/dashboard"), "{}", made.body);
        let page = app.get("/settings/workspace", Some(&person)).await;
        assert!(page.body.contains(&long), "they act in it at once");
        assert!(page.body.contains("Owned by Test Person."), "{}", page.body);
        let markup = app
            .post("/settings/workspace", Some(&person), &[("name", "<b>Tea & Co</b>")])
            .await;
        assert_eq!(markup.status, StatusCode::SEE_OTHER);
        let page = app.get("/members", Some(&person)).await;
        assert!(page.body.contains("&lt;b&gt;Tea &amp; Co&lt;/b&gt;") && !page.body.contains("<b>Tea"));
        let refused = app.post("/settings/workspace", Some(&person), &[("name", "a\nb")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        for number in 1..10 {
            assert_eq!(create(format!("Space {number}")).await.status, StatusCode::SEE_OTHER);
        }
        let full = create("One more".to_owned()).await;
        assert!(full.status == StatusCode::UNPROCESSABLE_ENTITY && full.body.contains("which is the most"));
    }

    async fn what_a_page_shows_follows_from_the_role(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        invited(&app, &owner, "a@b.test", &["developer"]).await;
        for role in [Role::Developer, Role::Checker, Role::Auditor] {
            let member = app.member(&workspace, &[role]).await;
            let page = app.get("/members", Some(&member)).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.body.contains(&owner.email));
            for hidden in ["Pending invitations", "a@b.test", "Second factor", "/members/invite", "/roles\""] {
                assert!(!page.body.contains(hidden), "{hidden} to {}", role.as_str());
            }
        }
        let auditor = app.member(&workspace, &[Role::Auditor]).await;
        let page = app.get("/settings/workspace", Some(&auditor)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains("Rename workspace") && !page.body.contains("second-factor"), "{}", page.body);
    }
}
