//! The sandbox upstream: an API with sample data of each workspace, so that a first call works before anything stands
//! behind the gateway. What a call is answered with is what its rule names; no platform is known here by name.
//!
//! Each workspace and environment has data of its own, the same ones after every start. What a call makes or changes is
//! kept in memory, so that it can be asked for again; a restart forgets it, as do a thousand busier workspaces.

mod account;
mod bills;
mod fields;
mod gift_cards;
mod money;
mod paging;
mod panel;
mod records;
mod seeds;
#[cfg(test)]
mod tests;
mod wallet;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json,
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use quick_cache::sync::Cache;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use account::Account;
pub use fields::Fields;
pub use paging::portion;

use crate::{
    profiles::{ErrorBody, Profile, Rule, Sample},
    server::{clock::Millis, request_id},
};

/// Accounts kept at most: what a few hundred bytes to a megabyte each may take.
const ACCOUNTS: usize = 1_000;

/// A call that was let through, in plain values. Of its credential nothing is looked at.
pub struct Call<'a> {
    pub profile: &'a Profile,
    pub rule: &'a Rule,
    pub workspace_id: &'a str,
    pub environment: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub body: Bytes,
    pub now: Millis,
}

/// Accounts by workspace and environment.
type Accounts = Cache<(String, String), Arc<Mutex<Account>>>;

/// What was made and changed.
#[derive(Clone)]
pub struct Sandbox(Arc<Accounts>);

impl Default for Sandbox {
    fn default() -> Self {
        Self(Arc::new(Cache::new(ACCOUNTS)))
    }
}

/// What a subject answers.
type Answer = Result<Value, Wrong>;

/// Why a call is not served, as its sender is told.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Wrong {
    pub fn asked(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "BAD_REQUEST",
            message: message.into(),
        }
    }

    pub fn absent(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: "RESOURCE_NOT_FOUND",
            message: message.into(),
        }
    }

    /// What there is does not allow it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            code: "CONFLICT",
            message: message.into(),
        }
    }

    fn too_little(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "INSUFFICIENT_FUNDS",
            message: message.into(),
        }
    }

    /// It cannot be done at this moment.
    pub fn down(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "UNAVAILABLE",
            message: message.into(),
        }
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::NOT_IMPLEMENTED,
            code: "NOT_AVAILABLE",
            message: message.into(),
        }
    }
}

impl Sandbox {
    /// Answers in JSON; what is wrong with the call in the platform's own style of errors.
    pub async fn answer(&self, call: Call<'_>) -> Response {
        let style = call.profile.error_body;
        match self.served(&call).await {
            Ok(body) => Json(body).into_response(),
            Err(wrong) => refusal(style, &wrong),
        }
    }

    async fn served(&self, call: &Call<'_>) -> Answer {
        let Some(sample) = call.rule.sample else {
            return Ok(json!({ "sandbox": true }));
        };
        let fields = if call.rule.method == Method::GET {
            Fields::of_query(call.query)
        } else {
            Fields::of_body(call.headers, call.body.clone()).await?
        };
        let key = (call.workspace_id.to_owned(), call.environment.to_owned());
        let Ok(account) = self
            .0
            .get_or_insert_with(&key, || Ok::<_, Infallible>(Arc::default()));
        // What a panic left half-done is sample data all the same.
        let mut account = account.lock().unwrap_or_else(PoisonError::into_inner);
        let repeated = call.repeatable();
        if let Some(answer) = repeated.as_deref().and_then(|call| account.answered(call)) {
            return Ok(answer);
        }
        let answer = subject(sample, call, fields, &mut account)?;
        if let Some(call) = repeated {
            account.keep_answer(call, &answer);
        }
        Ok(answer)
    }
}

fn subject(sample: Sample, call: &Call<'_>, fields: Fields, account: &mut Account) -> Answer {
    match sample {
        Sample::Customers
        | Sample::Products
        | Sample::Subscriptions
        | Sample::Invoices
        | Sample::Payments
        | Sample::CheckoutSessions
        | Sample::Settings
        | Sample::FinanceReport
        | Sample::PauseSubscription
        | Sample::ResumeSubscription
        | Sample::CancelSubscription
        | Sample::SendInvoice
        | Sample::RefundPayment => records::answer(sample, call, fields, account),
        Sample::WalletBalance | Sample::WalletTransactions | Sample::CashIn | Sample::CashOut => {
            wallet::answer(sample, call, fields, account)
        }
        Sample::AccountBalance
        | Sample::Services
        | Sample::PlaceOrder
        | Sample::OrderStatus
        | Sample::RefillOrder
        | Sample::CancelOrders => panel::answer(sample, call, fields, account),
        Sample::DataPlans
        | Sample::SmeDataPlans
        | Sample::CablePlans
        | Sample::ElectricityCompanies
        | Sample::CableCustomer
        | Sample::MeterHolder
        | Sample::BuyAirtime
        | Sample::BuyData
        | Sample::BuySmeData
        | Sample::PayCable
        | Sample::BuyElectricity
        | Sample::BuyExamPins
        | Sample::BuyRechargeCards
        | Sample::PurchaseStatus => bills::answer(sample, call, fields, account),
        Sample::GiftCards | Sample::TradeGiftCard | Sample::GiftCardTrades => {
            gift_cards::answer(sample, call, fields, account)
        }
        // These act on endpoints that are really there, and never come here.
        Sample::Webhooks => Err(no_sample()),
    }
}

fn no_sample() -> Wrong {
    Wrong::unavailable("The sandbox has no sample of this call.")
}

/// What a platform answers whose own programs have failed.
pub fn failure(profile: &Profile) -> Response {
    let wrong = Wrong {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "INTERNAL_ERROR",
        message: "Something went wrong on our side. Try again.".to_owned(),
    };
    refusal(profile.error_body, &wrong)
}

pub fn refusal(style: ErrorBody, wrong: &Wrong) -> Response {
    let Wrong {
        status,
        code,
        message,
    } = wrong;
    let request_id = &*request_id::text();
    let body = match style {
        ErrorBody::Flat => json!({ "error": message, "code": code, "request_id": request_id }),
        ErrorBody::Typed => json!({ "error": {
            "type": if status.is_server_error() { "api_error" } else { "invalid_request_error" },
            "code": code, "message": message, "request_id": request_id,
        }}),
        ErrorBody::Problem => json!({
            "type": "about:blank", "title": message, "status": status.as_u16(), "code": code,
            "request_id": request_id,
        }),
    };
    let mut response = (*status, Json(body)).into_response();
    if style == ErrorBody::Problem {
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/problem+json"),
        );
    }
    response
}

impl Call<'_> {
    /// What stands for this call however often it is sent, where the platform does a repeated call once. That one name is
    /// not used for two calls the gateway sees to.
    fn repeatable(&self) -> Option<String> {
        self.rule
            .amount
            .as_ref()
            .filter(|amount| amount.idempotent)?;
        let mut digest = Sha256::new_with_prefix(self.headers.get("idempotency-key")?);
        digest.update(self.path);
        digest.update(&self.body);
        Some(hex::encode(digest.finalize()))
    }

    /// Numbers that are always the same for this workspace, its environment and a name.
    fn seed(&self, name: &str) -> Seed {
        let text = format!("{}/{}/{name}", self.workspace_id, self.environment);
        Seed(Sha256::digest(text).into())
    }

    /// Whether real things happen in the key's environment.
    fn live(&self) -> bool {
        self.profile
            .environment(self.environment)
            .is_some_and(|environment| environment.live)
    }

    /// Now, in Unix seconds.
    fn second(&self) -> i64 {
        self.now.div_euclid(1000)
    }
}

struct Seed([u8; 32]);

impl Seed {
    /// From 0 up to, not including, `end`.
    fn below(&self, end: usize) -> usize {
        usize::from(u16::from_be_bytes([self.0[8], self.0[9]])) % end.max(1)
    }

    /// Between 0 and 65 535, another one than [`Seed::below`] takes.
    fn small(&self) -> i64 {
        i64::from(u16::from_be_bytes([self.0[10], self.0[11]]))
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", hex::encode(&self.0[..8]))
    }

    /// So many decimal digits.
    fn digits(&self, count: usize) -> String {
        self.0
            .iter()
            .cycle()
            .take(count)
            .map(|byte| char::from(b'0' + byte % 10))
            .collect()
    }
}
