//! Webhooks by outcome, through the pages of a workspace.

use super::{
    outbox,
    store::{self, EndpointRow},
    types::{Cause, DELIVERY_ID, ENDPOINT_ID, EndpointState},
};
use crate::server::testing::TestApp;

/// An endpoint of the workspace and a delivery to it, as rows.
pub async fn endpoint_with_delivery(app: &TestApp, workspace: &str) -> (String, String) {
    let now = app.clock.now();
    let id = app.state.rng.id(ENDPOINT_ID, now);
    let headers = app.state.sealer.seal(&app.state.rng, &store::headers_place(&id), b"{}");
    let row = EndpointRow {
        id: id.clone(),
        workspace_id: workspace.to_owned(),
        environment: "sandbox".to_owned(),
        url: "https://hooks.example.com/in".to_owned(),
        description: String::new(),
        events: "[\"*\"]".to_owned(),
        headers,
        signing: "hmac".to_owned(),
        state: EndpointState::Enabled.as_str().to_owned(),
        state_since: now,
        failing_since: None,
        draft_id: None,
        created_by: None,
        created_at: now,
    };
    let mut tx = app.state.db.begin().await.expect("a transaction");
    store::insert_endpoint(&mut tx, &row).await.expect("inserted");
    let data = serde_json::json!({});
    let delivery = outbox::enqueue_to(&mut tx, &app.state.rng, &row, "webhook.test", &data, Cause::Test, now)
        .await
        .expect("enqueued");
    tx.commit().await.expect("committed");
    assert!(delivery.starts_with(DELIVERY_ID));
    (id, delivery)
}
