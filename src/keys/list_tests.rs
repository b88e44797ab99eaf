//! Lists of keys and what is done to several of them, through the portal's router.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};

use super::{
    life, ops,
    policy::NewKey,
    store,
    terms::Expiry,
    types::{KeyState, KeyTab},
};
use crate::{
    accounts::{
        Factor,
        step_up::{self, Action},
    },
    on_both_engines,
    profiles::Profile,
    server::{
        clock::{DAY, HOUR},
        testing::{PASSWORD, Reply, Someone, TestApp, typed},
    },
    workspaces::Role,
};

/// The ids of the keys that a page of the list has rows for, in its order.
fn rows(page: &Reply) -> Vec<String> {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    page.body
        .split("<a ")
        .filter(|link| {
            link.split('>')
                .next()
                .is_some_and(|tag| tag.contains("row-link"))
        })
        .filter_map(|link| link.split("href=\"/keys/").nth(1)?.split('"').next())
        .map(str::to_owned)
        .collect()
}

async fn list(app: &TestApp, who: &Someone, query: &str) -> Vec<String> {
    rows(
        &app.get(&format!("/keys?env=sandbox&{query}"), Some(who))
            .await,
    )
}

/// How many keys a tab says it has.
fn counted(page: &Reply, tab: KeyTab) -> String {
    let link = format!("tab={}\"", tab.as_str());
    // Other links lead to the same tab, of another environment; the tab alone has a number.
    page.body
        .split("<a ")
        .filter(|part| part.contains(&link))
        .find_map(|part| part.split("tabular-nums\">").nth(1)?.split('<').next())
        .unwrap_or_default()
        .to_owned()
}

async fn made(app: &TestApp, workspace: &str, key: &NewKey) -> String {
    let made = ops::create_at_console(&app.state, workspace, key, None).await;
    made.expect("made").id
}

/// Asks for a key as this person, who waits for nobody in the profile's environment without approval.
async fn asked(app: &TestApp, who: &Someone, label: &str) -> String {
    let viewer = app.viewer(who);
    let key = app.wanted(&app.state.profile.environments[0].id, label, &[scope(app)]);
    let state = &app.state;
    let password = typed(PASSWORD);
    let proof = step_up::prove(
        state,
        &viewer,
        Action::CreateKey,
        &key,
        Factor::Password,
        &password,
    )
    .await;
    let draft = app.state.rng.id("drf", app.clock.now());
    match ops::create(
        &app.state,
        &viewer,
        &draft,
        &key,
        None,
        proof.expect("proven"),
    )
    .await
    {
        Ok(ops::Creation::Waiting { id }) => id,
        Ok(_) => panic!("it waits for nobody"),
        Err(error) => panic!("{error}"),
    }
}

/// The first scope of the profile that is there.
fn scope(app: &TestApp) -> &str {
    app.state
        .profile
        .scopes()
        .next()
        .map_or("", |scope| scope.id.as_str())
}

async fn set(app: &TestApp, id: &str, column: &str, value: i64) {
    let mut tx = app.state.db.begin().await.expect("a transaction");
    let (used, ends) = ("last_used_at", "expires_at");
    match column {
        _ if column == used => crate::execute!(
            tx,
            "update api_keys set last_used_at = $2 where id = $1",
            id,
            value
        ),
        _ if column == ends => crate::execute!(
            tx,
            "update api_keys set expires_at = $2 where id = $1",
            id,
            value
        ),
        _ => panic!("{column}"),
    }
    .expect("updated");
    tx.commit().await.expect("committed");
}

async fn state_of(app: &TestApp, workspace: &str, id: &str) -> KeyState {
    let mut reader = app.state.db.read().await.expect("a connection");
    let key = ops::find(&mut reader, workspace, id).await.expect("there");
    key.state(app.clock.now())
}

on_both_engines! {
    async fn a_key_stands_in_the_tab_of_its_state_to_the_millisecond(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let now = app.clock.now();
        let mut ending = app.wanted("sandbox", "Ends", &["customers:read"]);
        ending.terms.expiry = Expiry::At(now + 1000);
        let ending = made(&app, &workspace, &ending).await;
        let (stays, _) = app.key(&workspace, "Stays", &["customers:read"]).await;
        let (gone, _) = app.key(&workspace, "Gone", &["customers:read"]).await;
        ops::revoke_at_console(&app.state, &gone).await.expect("revoked");
        ops::disable(&app.state, &app.viewer(&owner), &stays).await.expect("stopped");

        let sorted = |mut ids: Vec<String>| { ids.sort(); ids };
        app.clock.advance(999);
        assert_eq!(sorted(list(&app, &owner, "tab=active").await), sorted(vec![ending.clone(), stays.clone()]));
        assert_eq!(list(&app, &owner, "tab=inactive").await, [gone.as_str()]);
        app.clock.advance(1);
        assert_eq!(list(&app, &owner, "tab=active").await, [stays.as_str()]);
        assert_eq!(sorted(list(&app, &owner, "tab=inactive").await), sorted(vec![ending, gone.clone()]));
        let page = app.get("/keys?env=sandbox&tab=inactive", Some(&owner)).await;
        assert_eq!(
            [KeyTab::Active, KeyTab::Pending, KeyTab::Inactive].map(|tab| counted(&page, tab)),
            ["1", "0", "2"]
        );

        ops::hide(&app.state, &app.viewer(&owner), &gone).await.expect("deleted");
        assert!(!list(&app, &owner, "tab=inactive").await.contains(&gone), "deleted from the lists");
        assert_eq!(app.get(&format!("/keys/{gone}"), Some(&owner)).await.status, StatusCode::OK, "but on record");
    }

    async fn a_key_that_waits_is_pending_and_calls_its_owner_to_reveal_it(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("universal-wallet").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let maker = app.member(&workspace, &[Role::Owner, Role::Developer]).await;
        let other = app.member(&workspace, &[Role::Developer]).await;
        given_plan(&app, &workspace).await;
        let env = app.state.profile.environments[0].id.clone();
        let id = asked(&app, &maker, "POS").await;
        let path = format!("/keys?env={env}&tab=pending");
        let page = app.get(&path, Some(&maker)).await;
        assert_eq!(rows(&page), [id.as_str()]);
        assert!(page.body.contains("Waiting for approval") && !page.body.contains("ready for you to reveal"));

        let mut tx = app.state.db.begin().await.expect("a transaction");
        let key = ops::find(&mut tx, &workspace, &id).await.expect("there");
        let until = Some(app.clock.now() + HOUR / 2);
        assert!(ops::step(&mut tx, &app.state, &key, life::Step::Approve, until).await.expect("a step"));
        tx.commit().await.expect("committed");

        let reveal = format!("href=\"/keys/{id}/reveal\"");
        let page = app.get(&path, Some(&maker)).await;
        assert!(page.body.contains("Ready to reveal") && page.body.contains(&reveal));
        assert!(page.body.contains("1 key ready for you to reveal"), "the tab carries a dot");
        let page = app.get(&path, Some(&other)).await;
        assert!(page.body.contains("Ready to reveal") && !page.body.contains(&reveal));
        assert!(!page.body.contains("ready for you to reveal"));
        app.clock.advance(HOUR / 2);
        let page = app.get(&format!("/keys?env={env}&tab=inactive"), Some(&maker)).await;
        assert_eq!(rows(&page), [id.as_str()]);
        assert!(page.body.contains("Lapsed"));
    }

    async fn a_search_finds_by_label_by_last_four_and_by_the_whole_key(test: TestDb) {
        let app = TestApp::start(test).await;
        let (ours, theirs) = (app.workspace("Ours").await, app.workspace("Theirs").await);
        let owner = app.member(&ours, &[Role::Owner]).await;
        let (id, secret) = app.key(&ours, "Store 100% front", &["customers:read"]).await;
        app.key(&ours, "Nightly export", &["customers:read"]).await;
        let (_, foreign) = app.key(&theirs, "Store front", &["customers:read"]).await;
        let search = async |text: &str| {
            let fields = [("env", "sandbox"), ("tab", "active"), ("scope", "customers:read"), ("sort", "label"), ("q", text)];
            app.post("/search", Some(&owner), &fields).await
        };
        for text in ["STORE", "100%", &secret[secret.len() - 4..]] {
            let reply = search(text).await;
            assert_eq!(reply.status, StatusCode::SEE_OTHER);
            assert!(reply.location().contains("scope=customers%3Aread") && reply.location().contains("sort=label"));
            assert_eq!(rows(&app.get(reply.location(), Some(&owner)).await), [id.as_str()], "{text}");
        }
        assert_eq!(search(&secret).await.location(), format!("/keys/{id}"));
        assert_eq!(search(&foreign).await.status, StatusCode::NOT_FOUND);
        let none = app.get("/keys?env=sandbox&q=nothing", Some(&owner)).await;
        let said = none.body.replace("<!>", "");
        assert!(said.contains("No key matches") && said.contains("label or last four: nothing"));
    }

    async fn filters_narrow_the_list_and_stay_in_its_address(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let now = app.clock.now();
        let (reads, _) = app.key(&workspace, "Reads", &["customers:read"]).await;
        let (writes, _) = app.key(&workspace, "Writes", &["customers:read", "customers:write"]).await;
        let (soon, _) = app.key(&workspace, "Soon", &["invoices:read"]).await;
        set(&app, &soon, "expires_at", now + 10 * DAY).await;
        set(&app, &reads, "expires_at", now + 20 * DAY).await;
        let mut tx = app.state.db.begin().await.expect("a transaction");
        store::set_owner(&mut tx, &workspace, &writes, Some(&owner.id)).await.expect("set");
        tx.commit().await.expect("committed");
        let sort = "sort=label";
        assert_eq!(list(&app, &owner, &format!("scope=customers:write&{sort}")).await, [writes.as_str()]);
        assert_eq!(list(&app, &owner, &format!("scope=customers:read&{sort}")).await, [reads.as_str(), &writes]);
        assert_eq!(list(&app, &owner, &format!("owner={}", owner.id)).await, [writes.as_str()]);
        assert_eq!(list(&app, &owner, "expiry=14").await, [soon.as_str()]);
        assert_eq!(list(&app, &owner, "expiry=30&sort=expiry").await, [soon.as_str(), &reads]);
        assert_eq!(list(&app, &owner, "scope=no:such&expiry=7&owner=me").await.len(), 3, "what cannot be meant is no filter");
        let page = app.get("/keys?env=sandbox&scope=customers:read&expiry=30", Some(&owner)).await;
        assert!(page.body.contains("aria-label=\"Remove filter Expires: within 30 days\""));
        assert!(page.body.contains("1 key expires within 14 days."));
        let plain = app.get("/keys?env=sandbox&sort=label", Some(&owner)).await;
        assert!(plain.body.contains("aria-sort=\"ascending\""));
    }

    async fn each_order_covers_every_key_exactly_once_over_its_pages(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let now = app.clock.now();
        let mut all = BTreeSet::new();
        for i in 0..60_i64 {
            let (id, _) = app.key(&workspace, &format!("Key {i}"), &["customers:read"]).await;
            // Several alike in what they are ordered by.
            if i % 3 != 0 {
                set(&app, &id, "last_used_at", now - i % 5).await;
                set(&app, &id, "expires_at", now + DAY * (1 + i % 4)).await;
            }
            all.insert(id);
        }
        let (foreign, _) = app.key(&app.workspace("Theirs").await, "Theirs", &["customers:read"]).await;
        for sort in ["used", "made", "label", "expiry"] {
            let first = app.get(&format!("/keys?env=sandbox&scope=customers:read&sort={sort}"), Some(&owner)).await;
            let seen = rows(&first);
            assert_eq!(seen.len(), 50, "{sort}");
            let older = first.body.split("rel=\"next\"").next().unwrap_or_default();
            let older = older.rsplit("href=\"").next().unwrap_or_default();
            let older = older.split('"').next().unwrap_or_default().replace("&amp;", "&");
            assert!(older.contains("scope=customers%3Aread") && older.contains("before=key_"), "{older}");
            let second = app.get(&older, Some(&owner)).await;
            let both: Vec<String> = seen.iter().cloned().chain(rows(&second)).collect();
            assert_eq!(both.len(), 60, "{sort}");
            assert_eq!(both.into_iter().collect::<BTreeSet<_>>(), all, "{sort}");
            assert!(!second.body.contains("rel=\"next\""));
            let ignored = list(&app, &owner, &format!("sort={sort}&before={foreign}")).await;
            assert_eq!(ignored, seen, "another tenant's key is no cursor");
        }
    }

    async fn the_list_tells_of_rotations_and_of_changes_that_wait(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let viewer = app.viewer(&owner);
        let (id, _) = app.key(&workspace, "POS", &["customers:read"]).await;
        assert!(!app.get("/keys?env=sandbox", Some(&owner)).await.body.contains("Rotating"));
        let content = ops::rotate_content(&id, 1, None);
        let password = typed(PASSWORD);
        let proof = step_up::prove(&app.state, &viewer, Action::RotateKey, &content, Factor::Password, &password).await;
        let form = app.state.rng.id("frm", app.clock.now());
        assert!(ops::rotate(&app.state, &viewer, &id, &form, 1, None, proof.expect("proven")).await.is_ok());
        assert!(app.get("/keys?env=sandbox", Some(&owner)).await.body.contains("Rotating"));
        app.clock.advance(60 * 60 * 1000);
        assert!(!app.get("/keys?env=sandbox", Some(&owner)).await.body.contains("Rotating"));
    }

    async fn revoking_several_ends_all_of_them_or_none(test: TestDb) {
        let app = TestApp::start(test).await;
        let (ours, theirs) = (app.workspace("Ours").await, app.workspace("Theirs").await);
        let owner = app.member(&ours, &[Role::Owner]).await;
        let mut keys = Vec::new();
        for label in ["One", "Two", "Three"] {
            keys.push(app.key(&ours, label, &["customers:read"]).await);
        }
        let (foreign, _) = app.key(&theirs, "Theirs", &["customers:read"]).await;
        let call = async |secret: &str| app.call(Method::GET, "/v2/customers", Some(secret)).await;
        for (_, secret) in &keys {
            assert_eq!(call(secret).await.status, StatusCode::OK);
        }
        let mut fields = vec![("action", "revoke")];
        fields.extend(keys.iter().map(|(id, _)| ("ids", id.as_str())));
        let leads = app.post("/keys/bulk?env=sandbox", Some(&owner), &fields).await;
        assert_eq!(leads.status, StatusCode::SEE_OTHER, "{}", leads.body);
        let path = leads.location().to_owned();
        let page = app.get(&path, Some(&owner)).await;
        assert!(page.body.contains("Revoke 3 keys?") && page.body.contains("can't be undone"));

        for wrong in [foreign.clone(), app.state.rng.id("key", app.clock.now())] {
            let with = format!("{path}&key={wrong}");
            assert_eq!(app.get(&with, Some(&owner)).await.status, StatusCode::NOT_FOUND);
            assert_eq!(app.post(&with, Some(&owner), &[]).await.status, StatusCode::NOT_FOUND);
        }
        for (id, secret) in &keys {
            assert_eq!(state_of(&app, &ours, id).await, KeyState::Active, "nothing was touched");
            assert_eq!(call(secret).await.status, StatusCode::OK);
        }
        let done = app.post(&path, Some(&owner), &[]).await;
        assert_eq!(done.location(), "/keys?env=sandbox&done=revoked&n=3", "{}", done.body);
        for (_, secret) in &keys {
            let refused = call(secret).await;
            assert_eq!((refused.status, &refused.json()["error"]["code"]), (StatusCode::UNAUTHORIZED, &"REVOKED".into()));
        }
        assert_eq!(app.post(&path, Some(&owner), &[]).await.status, StatusCode::CONFLICT);
        assert_eq!(app.post("/keys/bulk", Some(&owner), &[("action", "revoke")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let many: Vec<String> = (0..51).map(|_| app.state.rng.id("key", app.clock.now())).collect();
        let mut fields = vec![("action", "revoke")];
        fields.extend(many.iter().map(|id| ("ids", id.as_str())));
        assert_eq!(app.post("/keys/bulk", Some(&owner), &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_live_key_among_several_asks_how_many_are_meant(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let live = app.state.profile.environments.iter().find(|e| e.live).map(|e| e.id.clone());
        let live = app.wanted(&live.expect("one is live"), "Live", &["customers:read"]);
        let live = made(&app, &workspace, &live).await;
        let (test_key, _) = app.key(&workspace, "Test", &["customers:read"]).await;
        let path = format!("/keys/bulk?action=revoke&key={live}&key={test_key}");
        assert!(app.get(&path, Some(&owner)).await.body.contains("One of them is live. Type 2"));
        let refused = app.post(&path, Some(&owner), &[("count", "3")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains("Type 2 to confirm how many keys you mean."));
        assert_eq!(state_of(&app, &workspace, &test_key).await, KeyState::Active);
        assert_eq!(app.post(&path, Some(&owner), &[("count", "2")]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(state_of(&app, &workspace, &live).await, KeyState::Revoked);
    }

    async fn a_checker_stops_several_and_a_developer_none_of_others(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let checker = app.member(&workspace, &[Role::Checker]).await;
        let developer = app.member(&workspace, &[Role::Developer]).await;
        let (one, secret) = app.key(&workspace, "One", &["customers:read"]).await;
        let (two, _) = app.key(&workspace, "Two", &["customers:read"]).await;
        let path = format!("/keys/bulk?action=disable&key={one}&key={two}");
        assert_eq!(app.post(&path, Some(&developer), &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(state_of(&app, &workspace, &one).await, KeyState::Active);
        let boxes = app.get("/keys?env=sandbox", Some(&developer)).await;
        assert!(!boxes.body.contains("row-select"), "none to tick");
        assert_eq!(app.post(&path, Some(&checker), &[]).await.status, StatusCode::SEE_OTHER);
        let refused = app.call(Method::GET, "/v2/customers", Some(&secret)).await;
        assert_eq!(refused.json()["error"]["code"], "DISABLED");
        assert_eq!(state_of(&app, &workspace, &two).await, KeyState::Disabled);
    }

    async fn a_row_offers_what_its_viewer_may_do(test: TestDb) {
        let app = TestApp::start(test).await;
        let workspace = app.workspace("Acme").await;
        let people = [Role::Owner, Role::Checker, Role::Auditor, Role::Developer];
        app.key(&workspace, "POS", &["customers:read"]).await;
        for role in people {
            let someone = app.member(&workspace, &[role]).await;
            let page = app.get("/keys?env=sandbox", Some(&someone)).await.body;
            let offers = ["/disable\"", "/revoke\"", "/rotate\"", "/keys/new?like="].map(|part| page.contains(part));
            let expected = match role {
                Role::Owner => [true, true, true, true],
                Role::Checker => [true, true, false, false],
                Role::Developer => [false, false, false, true],
                _ => [false; 4],
            };
            assert_eq!(offers, expected, "{role:?}");
        }
    }

    async fn the_emergency_ends_every_key_of_the_workspace_alone(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("universal-wallet").expect("it loads")).await;
        let (ours, theirs) = (app.workspace("Acme Ltd").await, app.workspace("Theirs").await);
        let owner = app.member(&ours, &[Role::Owner]).await;
        let maker = app.member(&ours, &[Role::Developer]).await;
        given_plan(&app, &ours).await;
        let env = app.state.profile.environments[0].id.clone();
        let wanted = app.wanted(&env, "Active", &[scope(&app)]);
        let (active, foreign) = (made(&app, &ours, &wanted).await, made(&app, &theirs, &wanted).await);
        let waits = asked(&app, &maker, "Waits").await;
        let path = "/settings/workspace/revoke-all";
        let settings = app.get("/settings/workspace", Some(&owner)).await;
        assert!(settings.body.contains(path));
        assert!(app.get(&format!("/keys?env={env}"), Some(&owner)).await.body.contains(path));
        assert!(!app.get(&format!("/keys?env={env}"), Some(&maker)).await.body.contains(path));
        let form = |name: &'static str, password: &'static str| [("name", name), ("factor", "password"), ("proof", password)];
        assert_eq!(app.post(path, Some(&maker), &form("acme ltd", PASSWORD)).await.status, StatusCode::FORBIDDEN);
        for (name, password) in [("Acme", PASSWORD), ("acme ltd", "wrong")] {
            let refused = app.post(path, Some(&owner), &form(name, password)).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let mut operator = app.operator().await;
        app.act(&mut operator, &ours, "ticket 812").await;
        assert_eq!(app.post(path, Some(&operator), &form("acme ltd", PASSWORD)).await.status, StatusCode::FORBIDDEN);
        assert_eq!(state_of(&app, &ours, &active).await, KeyState::Active);

        let done = app.post(path, Some(&owner), &form("acme ltd", PASSWORD)).await;
        assert_eq!(done.location(), "/keys?tab=inactive&done=all", "{}", done.body);
        assert_eq!(state_of(&app, &ours, &active).await, KeyState::Revoked);
        assert_eq!(state_of(&app, &ours, &waits).await, KeyState::Withdrawn);
        assert_eq!(state_of(&app, &theirs, &foreign).await, KeyState::Active);
        let mut reader = app.state.db.read().await.expect("a connection");
        let open = crate::approvals::store::open(&mut reader, &ours, app.clock.now()).await.expect("read");
        assert!(open.is_empty(), "what waited for a decision waits no more");
    }

    async fn an_empty_list_says_what_comes_first(test: TestDb) {
        let app = TestApp::start_as(test, Profile::load("rukkyhub").expect("it loads")).await;
        let workspace = app.workspace("Acme").await;
        let owner = app.member(&workspace, &[Role::Owner]).await;
        let page = app.get("/keys", Some(&owner)).await;
        assert!(page.body.contains("No plan is in force.") && page.body.contains("href=\"/plans\""), "{}", page.body);
        given_plan(&app, &workspace).await;
        let page = app.get("/keys", Some(&owner)).await;
        assert!(page.body.contains("No keys yet."));
    }
}

/// Puts the first plan of the profile into force, if none is by itself.
pub async fn given_plan(app: &TestApp, workspace: &str) {
    let profile = &app.state.profile;
    if let Some(tier) = profile
        .tiers
        .first()
        .filter(|_| profile.default_tier.is_none())
    {
        crate::plans::ops::approve_at_console(&app.state, workspace, &tier.id)
            .await
            .expect("approved");
    }
}
