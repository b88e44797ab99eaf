//! The account page, the export and the closing of an account through the portal's router, by outcome.

use axum::http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    accounts::{
        Factor,
        step_up::{self, Action},
    },
    audit,
    db::Arm,
    keys::ops::{self as key_ops, Creation},
    notices::{self, Kind, Notice},
    on_both_engines,
    server::testing::{PASSWORD, Reply, Someone, TestApp, typed},
    workspaces::{self, Grants, Role},
};

const NAME: &str = "Zo\u{eb} Quillfeather";

/// A key that the person made themselves. Gives its id and secret.
async fn own_key(app: &TestApp, who: &Someone, label: &str) -> (String, String) {
    let (state, viewer) = (&app.state, app.viewer(who));
    let key = app.wanted("sandbox", label, &["customers:read"]);
    let proof = step_up::prove(
        state,
        &viewer,
        Action::CreateKey,
        &key,
        Factor::Password,
        &typed(PASSWORD),
    )
    .await
    .expect("proven");
    let draft = state.rng.id("drf", app.clock.now());
    match key_ops::create(state, &viewer, &draft, &key, None, proof).await {
        Ok(Creation::Created(created)) => {
            let secret = created.secret.expect("it is no pair");
            (created.id, secret.expose().to_owned())
        }
        _ => panic!("the key is made"),
    }
}

async fn rename(app: &TestApp, who: &Someone) {
    let reply = app
        .post("/settings/account", Some(who), &[("name", NAME)])
        .await;
    assert_eq!(reply.location(), "/settings/account?done=name");
}

async fn close(app: &TestApp, who: &Someone, keys: &str) -> Reply {
    let fields = [
        ("email", who.email.as_str()),
        ("keys", keys),
        ("factor", "password"),
        ("proof", PASSWORD),
    ];
    app.post("/settings/account/close", Some(who), &fields)
        .await
}

async fn change(app: &TestApp, statement: &'static str, binds: &[&str]) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    let binds: Vec<&str> = binds.iter().copied().chain(["", "", ""]).take(3).collect();
    let (a, b, c) = (binds[0], binds[1], binds[2]);
    match tx.arm() {
        Arm::Sqlite(on) => {
            sqlx::query(statement)
                .bind(a)
                .bind(b)
                .bind(c)
                .execute(on)
                .await
                .expect("changed");
        }
        Arm::Postgres(on) => {
            sqlx::query(statement)
                .bind(a)
                .bind(b)
                .bind(c)
                .execute(on)
                .await
                .expect("changed");
        }
    }
    tx.commit().await.expect("committed");
}

/// The tables in which the text stands anywhere, also within what is stored as bytes.
async fn tables_with(app: &TestApp, text: &str) -> Vec<String> {
    let mut reader = app.state.db.read().await.expect("a connection");
    let mut found = Vec::new();
    match reader.arm() {
        Arm::Sqlite(on) => {
            let tables: Vec<(String,)> =
                sqlx::query_as("select name from sqlite_master where type = 'table'")
                    .fetch_all(&mut *on)
                    .await
                    .expect("read");
            for (table,) in tables {
                let columns: Vec<(String,)> =
                    sqlx::query_as("select name from pragma_table_info($1)")
                        .bind(&table)
                        .fetch_all(&mut *on)
                        .await
                        .expect("read");
                for (column,) in columns {
                    let query = format!(
                        "select count(*) from \"{table}\" where instr(cast(\"{column}\" as text), $1) > 0"
                    );
                    let (count,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(query))
                        .bind(text)
                        .fetch_one(&mut *on)
                        .await
                        .expect("counted");
                    if count > 0 {
                        found.push(format!("{table}.{column}"));
                    }
                }
            }
        }
        Arm::Postgres(on) => {
            let tables: Vec<(String,)> = sqlx::query_as(
                "select table_name::text from information_schema.tables where table_schema = 'public'",
            )
            .fetch_all(&mut *on)
            .await
            .expect("read");
            for (table,) in tables {
                let query = format!(
                    "select count(*) from \"{table}\" t where strpos(t::text, $1) > 0 or strpos(t::text, $2) > 0"
                );
                let (count,): (i64,) = sqlx::query_as(sqlx::AssertSqlSafe(query))
                    .bind(text)
                    .bind(hex::encode(text))
                    .fetch_one(&mut *on)
                    .await
                    .expect("counted");
                if count > 0 {
                    found.push(table);
                }
            }
        }
    }
    found
}

async fn verified(app: &TestApp) -> bool {
    let mut reader = app.state.db.read().await.expect("a connection");
    audit::verify(&mut reader).await.expect("read").ok
}

async fn actions(app: &TestApp, chain: &str, actor: &str) -> Vec<String> {
    let mut reader = app.state.db.read().await.expect("a connection");
    let rows: Vec<(String,)> = crate::fetch_all!(
        &mut reader,
        (String,),
        "select action from audit_entries where chain_id = $1 and actor = $2 order by seq",
        chain,
        actor
    )
    .expect("read");
    rows.into_iter().map(|(action,)| action).collect()
}

on_both_engines! {
    async fn a_closed_account_leaves_neither_name_nor_address_anywhere(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let leaver = app.member(&workspace, &[Role::Developer, Role::Checker]).await;
        rename(&app, &leaver).await;
        let (key, secret) = own_key(&app, &leaver, "POS").await;
        // What other features keep: a notice to somebody else, an invitation to this address, one sent.
        let mut tx = app.state.db.begin().await.expect("a transaction");
        let notice = Notice {
            kind: Kind::Membership,
            workspace_id: Some(&workspace),
            subject: format!("{NAME} joined"),
            text: format!("{NAME} ({}) is a member of Acme now.", leaver.email),
            action: "See members",
            path: "/members".to_owned(),
        };
        notices::tell(&mut tx, &app.state, &owner.id, &notice).await.expect("told");
        tx.commit().await.expect("committed");
        change(&app,
            "insert into invitations (id, workspace_id, email, email_folded, roles, token_hash, invited_by, created_at, expires_at, accepted_at)
             select 'inv_1', $1, $2, $2, 'developer', id_hash, $3, 1, 2, 1 from devices where user_id = $3",
            &[&workspace, &leaver.email, &owner.id]).await;
        change(&app,
            "insert into invitations (id, workspace_id, email, email_folded, roles, token_hash, invited_by, created_at, expires_at)
             select 'inv_2', $1, $2, $2, 'developer', id_hash, $3, 1, 2 from devices where user_id = $3",
            &[&workspace, "new@example.test", &leaver.id]).await;
        let asked = format!(r#"{{"kind":"invite","email":"{}","roles":"checker"}}"#, leaver.email);
        change(&app,
            "insert into approvals (id, workspace_id, kind, subject_id, title, asked, content_hash, basis, risk, requested_by, requested_at, lapses_at)
             select 'apr_1', $1, 'invite', 'apr_1', 'An invitation', $2, id_hash, '', 2, $3, 1, 9000000000000 from devices where user_id = $3",
            &[&workspace, &asked, &owner.id]).await;
        for text in [leaver.email.as_str(), NAME] {
            assert!(tables_with(&app, text).await.len() >= 2, "it is there before");
        }

        let page = app.get("/settings/account/close", Some(&leaver)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("What happens to your 1 active key there you choose below."), "{}", page.body);
        let wrong = app.post("/settings/account/close", Some(&leaver), &[
            ("email", owner.email.as_str()), ("keys", "revoke"), ("factor", "password"), ("proof", PASSWORD),
        ]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.body.contains("to confirm which account you mean"));
        assert_eq!(close(&app, &leaver, "").await.status, StatusCode::UNPROCESSABLE_ENTITY, "a choice is needed");
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&secret)).await.status, StatusCode::OK);

        let closed = close(&app, &leaver, "hand_over").await;
        assert_eq!((closed.status, closed.location()), (StatusCode::SEE_OTHER, "/login?done=closed"), "{}", closed.body);
        assert_eq!(app.get("/keys", Some(&leaver)).await.status, StatusCode::SEE_OTHER);
        assert!(app.get("/login?done=closed", None).await.body.contains("Your account is closed."));

        for text in [leaver.email.as_str(), NAME, "Quillfeather"] {
            assert_eq!(tables_with(&app, text).await, Vec::<String>::new(), "{text}");
        }
        assert!(verified(&app).await);
        assert_eq!(
            actions(&app, &workspace, &leaver.id).await,
            ["session.started", "account.renamed", "key.created", "key.handed_over", "member.left", "invitation.withdrawn"]
        );
        assert_eq!(actions(&app, audit::PLATFORM, &leaver.id).await, ["account.closed"]);
        let record = app.get("/audit", Some(&app.member(&workspace, &[Role::Auditor]).await)).await;
        assert!(record.body.contains("Closed their account") || record.body.contains("Left the workspace"));

        // The key works on, and is the owner's, who was told without a name.
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&secret)).await.status, StatusCode::OK);
        let mut reader = app.state.db.read().await.expect("a connection");
        let (owned_by,): (String,) =
            crate::fetch_one!(&mut reader, (String,), "select owner_id from api_keys where id = $1", &key).expect("read");
        assert_eq!(owned_by, owner.id);
        let (outcome, asked): (String, String) =
            crate::fetch_one!(&mut reader, (String, String), "select outcome, asked from approvals").expect("read");
        assert!(outcome == "void" && asked.contains("@erased.invalid"), "{asked}");
        let mut told: Vec<(String,)> =
            crate::fetch_all!(&mut reader, (String,), "select subject from notices where user_id = $1", &owner.id).expect("read");
        told.sort();
        assert_eq!(told[0].0, "1 key in \u{201c}Acme\u{201d} handed over to you");
        assert_eq!(told[1].0, "Former member joined");
        drop(reader);

        let gone = app.post("/login", None, &[("email", &leaver.email), ("password", PASSWORD)]).await;
        let unknown = app.post("/login", None, &[("email", "nobody@example.test"), ("password", PASSWORD)]).await;
        assert_eq!((gone.status, unknown.status), (StatusCode::UNPROCESSABLE_ENTITY, StatusCode::UNPROCESSABLE_ENTITY));
        let erased = format!("closed-{}@erased.invalid", leaver.id);
        let as_erased = app.post("/login", None, &[("email", &erased), ("password", "closed")]).await;
        assert_eq!(as_erased.status, StatusCode::UNPROCESSABLE_ENTITY);
        let again = crate::admin::ops::create_user(&app.state, &leaver.email, "Another", &typed("a quite long pass phrase"), false).await;
        assert!(again.is_ok(), "the address is free");
    }

    async fn keys_that_are_revoked_with_the_account_are_refused_at_once(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        app.member(&workspace, &[Role::Owner]).await;
        let leaver = app.member(&workspace, &[Role::Developer]).await;
        let (_, secret) = own_key(&app, &leaver, "POS").await;
        let (_, console) = app.key(&workspace, "Console", &["customers:read"]).await;
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&secret)).await.status, StatusCode::OK);
        assert_eq!(close(&app, &leaver, "revoke").await.location(), "/login?done=closed");
        let call = app.call(Method::GET, "/v2/customers", Some(&secret)).await;
        assert_eq!(call.json()["error"]["code"], "REVOKED");
        assert_eq!(app.call(Method::GET, "/v2/customers", Some(&console)).await.status, StatusCode::OK);
        let mut reader = app.state.db.read().await.expect("a connection");
        let (events,): (i64,) = crate::fetch_one!(
            &mut reader, (i64,), "select count(*) from outbox_events where type = 'key.revoked'").expect("counted");
        assert_eq!(events, 1);
    }

    async fn the_last_owner_hands_over_first_and_an_only_member_closes_the_workspace(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let member = app.member(&workspace, &[Role::Admin]).await;
        let page = app.get("/settings/account/close", Some(&owner)).await;
        assert!(page.body.contains("You are the last owner of \u{201c}Acme\u{201d}."), "{}", page.body);
        assert!(page.body.contains("href=\"/settings/workspace/transfer\""));
        let refused = close(&app, &owner, "revoke").await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(refused.body.contains("last owner of \u{201c}Acme\u{201d}"));
        assert_eq!(app.get("/keys", Some(&owner)).await.status, StatusCode::OK);

        assert_eq!(close(&app, &member, "").await.location(), "/login?done=closed", "who owns no key chooses nothing");
        let (_, secret) = app.key(&workspace, "POS", &["customers:read"]).await;
        let page = app.get("/settings/account/close", Some(&owner)).await;
        assert!(page.body.contains("it is closed, and its 1 active key revoked."), "{}", page.body);
        assert_eq!(close(&app, &owner, "hand_over").await.location(), "/login?done=closed");
        let call = app.call(Method::GET, "/v2/customers", Some(&secret)).await;
        assert_eq!(call.status, StatusCode::UNAUTHORIZED);
        let mut reader = app.state.db.read().await.expect("a connection");
        let (closed, suspended): (Option<i64>, Option<i64>) = crate::fetch_one!(
            &mut reader, (Option<i64>, Option<i64>), "select closed_at, suspended_at from workspaces where id = $1", &workspace).expect("read");
        assert!(closed.is_some() && suspended.is_some());
        drop(reader);
        assert!(verified(&app).await);
        let entries = actions(&app, &workspace, &owner.id).await;
        assert_eq!(entries[entries.len() - 3..], ["key.revoked", "member.left", "workspace.closed"]);
    }

    async fn of_two_closings_at_once_one_is_done(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        app.member(&workspace, &[Role::Owner]).await;
        let leaver = app.member(&workspace, &[Role::Developer]).await;
        let (one, two) = futures_util::join!(close(&app, &leaver, "revoke"), close(&app, &leaver, "revoke"));
        let done = |reply: &Reply| reply.location() == "/login?done=closed";
        assert!(done(&one) != done(&two), "{} {} / {} {}", one.status, one.location(), two.status, two.location());
        let lost = if done(&one) { two } else { one };
        assert!(
            [StatusCode::NOT_FOUND, StatusCode::CONFLICT].contains(&lost.status) || lost.location().starts_with("/login?next="),
            "{}", lost.status
        );
        assert_eq!(actions(&app, audit::PLATFORM, &leaver.id).await, ["account.closed"]);
        assert!(verified(&app).await);
    }

    async fn an_export_holds_ones_own_data_and_no_secret(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let other = app.member(&workspace, &[Role::Owner]).await;
        let someone = app.member(&workspace, &[Role::Developer]).await;
        rename(&app, &someone).await;
        let (key, secret) = own_key(&app, &someone, "POS").await;
        let (foreign, _) = own_key(&app, &other, "Not mine").await;
        change(&app,
            "insert into invitations (id, workspace_id, email, email_folded, roles, token_hash, invited_by, created_at, expires_at)
             select 'inv_2', $1, $2, $2, 'developer,checker@5', id_hash, $3, 1, 2 from devices where user_id = $3",
            &[&workspace, "guest@example.test", &someone.id]).await;
        for (id, who) in [("apr_1", &someone.id), ("apr_2", &other.id)] {
            change(&app,
                "insert into approvals (id, workspace_id, kind, subject_id, title, asked, content_hash, basis, risk, requested_by, requested_at, lapses_at)
                 select $1, $2, 'enable_key', $1, 'POS', '{}', id_hash, '', 0, $3, 1, 2 from devices where user_id = $3",
                &[id, &workspace, who]).await;
        }
        assert_eq!(app.get("/settings/account/export", Some(&someone)).await.status, StatusCode::OK);
        let unproven = app.post("/settings/account/export", Some(&someone), &[("factor", "password"), ("proof", "wrong")]).await;
        assert_eq!(unproven.status, StatusCode::UNPROCESSABLE_ENTITY);
        let file = app.post("/settings/account/export", Some(&someone), &[("factor", "password"), ("proof", PASSWORD)]).await;
        assert_eq!(file.status, StatusCode::OK, "{}", file.body);
        assert_eq!(file.headers[header::CONTENT_TYPE], "application/json");
        assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"latchkey-data.json\"");
        assert_eq!(file.headers[header::CACHE_CONTROL], "no-store");
        let data = file.json();
        assert_eq!(data["profile"]["email"], someone.email);
        assert_eq!(data["profile"]["name"], NAME);
        assert_eq!(data["memberships"][0]["roles"], json!(["developer"]));
        assert_eq!(data["sessions"][0]["address"], "203.0.113.9");
        assert_eq!(data["devices"][0]["browser"], "Unknown browser");
        assert_eq!(data["factors"]["pin"], true);
        assert_eq!(data["keys"][0]["id"], key);
        assert_eq!(data["keys"].as_array().map(Vec::len), Some(1));
        assert_eq!(data["approvals_asked"][0]["kind"], "enable_key");
        assert_eq!(data["approvals_asked"].as_array().map(Vec::len), Some(1));
        assert_eq!(data["invitations_sent"][0]["roles"], json!(["developer"]));
        let actions: Vec<&Value> = data["audit_entries"].as_array().expect("a list").iter().map(|entry| &entry["action"]).collect();
        assert!(actions.contains(&&json!("key.created")) && actions.contains(&&json!("step_up.failed")));
        for text in [
            other.email.as_str(), &other.id, &foreign, "Not mine", "guest@example.test", &secret, "argon2", "hash",
            someone.cookie.trim_start_matches("latchkey="),
        ] {
            assert!(!file.body.contains(text), "{text}");
        }
    }

    async fn a_name_is_changed_for_all_and_stands_in_no_record(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let someone = app.member(&workspace, &[Role::Owner]).await;
        rename(&app, &someone).await;
        let page = app.get("/settings/account?done=name", Some(&someone)).await;
        assert!(page.body.contains(NAME) && page.body.contains("Your name is changed."));
        for name in ["", "  ", "a\u{202e}b", &"x".repeat(101)] {
            let reply = app.post("/settings/account", Some(&someone), &[("name", name)]).await;
            assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{name:?}");
        }
        assert_eq!(tables_with(&app, NAME).await.len(), 1, "it stands in the person's own row alone");
    }

    async fn closing_ends_the_place_in_every_workspace(test: TestDb) {
        let app = TestApp::start(test).await;
        let (first, second) = (app.workspace("Acme").await, app.workspace("Beta").await);
        app.member(&first, &[Role::Owner]).await;
        let leaver = app.member(&first, &[Role::Developer]).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        workspaces::store::add_member(&mut tx, &second, &leaver.id, &Grants::of(&[Role::Owner]), app.clock.now())
            .await.expect("added");
        tx.commit().await.expect("committed");
        assert_eq!(close(&app, &leaver, "hand_over").await.location(), "/login?done=closed");
        for (chain, last) in [(&first, "member.left"), (&second, "workspace.closed")] {
            assert_eq!(actions(&app, chain, &leaver.id).await.last().map(String::as_str), Some(last));
        }
        let mut reader = app.state.db.read().await.expect("a connection");
        let (left,): (i64,) =
            crate::fetch_one!(&mut reader, (i64,), "select count(*) from members where user_id = $1", &leaver.id).expect("counted");
        assert_eq!(left, 0);
    }
}
