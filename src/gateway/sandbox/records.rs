//! Billing: customers, products, subscriptions, invoices, payments and checkout sessions as records that are listed,
//! read, created, changed and deleted, with what else can be done to some of them.

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::{
    Answer, Call, Wrong,
    account::{Account, put},
    fields::Fields,
    no_sample,
    paging::{find, portion},
    seeds,
};
use crate::profiles::Sample;

pub const DAY: i64 = 86_400;

/// A kind of record.
struct Kind {
    sample: Sample,
    /// What its ids begin with.
    prefix: &'static str,
    noun: &'static str,
    fields: &'static [Field],
    samples: fn(&Call<'_>) -> Vec<Value>,
    /// What a new one has beside what was said.
    begin: fn(&Call<'_>, &mut Map<String, Value>),
    deletable: bool,
}

struct Field {
    name: &'static str,
    shape: Shape,
    /// Nothing is created without it.
    needed: bool,
}

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Email,
    Url,
    Amount,
    Currency,
    Flag,
    /// The id of a record of that kind.
    Of(Sample),
}

const fn need(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        needed: true,
    }
}

const fn may(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        shape,
        needed: false,
    }
}

const KINDS: &[Kind] = &[
    Kind {
        sample: Sample::Customers,
        prefix: "cus",
        noun: "customer",
        fields: &[
            may("name", Shape::Text),
            need("email", Shape::Email),
            may("phone", Shape::Text),
            may("country", Shape::Text),
        ],
        samples: seeds::customers,
        begin: |_, _| {},
        deletable: true,
    },
    Kind {
        sample: Sample::Products,
        prefix: "prod",
        noun: "product",
        fields: &[
            need("name", Shape::Text),
            may("description", Shape::Text),
            need("amount", Shape::Amount),
            need("currency", Shape::Currency),
            may("interval", Shape::Text),
            may("active", Shape::Flag),
        ],
        samples: seeds::products,
        begin: |_, new| or(new, "active", json!(true)),
        deletable: true,
    },
    Kind {
        sample: Sample::Subscriptions,
        prefix: "sub",
        noun: "subscription",
        fields: &[
            need("customer", Shape::Of(Sample::Customers)),
            need("product", Shape::Of(Sample::Products)),
        ],
        samples: seeds::subscriptions,
        begin: |call, new| {
            let now = call.second();
            or(new, "status", json!("active"));
            or(new, "current_period_start", json!(now));
            or(new, "current_period_end", json!(now + 30 * DAY));
        },
        deletable: false,
    },
    Kind {
        sample: Sample::Invoices,
        prefix: "inv",
        noun: "invoice",
        fields: &[
            need("customer", Shape::Of(Sample::Customers)),
            need("amount", Shape::Amount),
            need("currency", Shape::Currency),
            may("description", Shape::Text),
        ],
        samples: seeds::invoices,
        begin: |call, new| {
            or(new, "status", json!("draft"));
            or(new, "due", json!(call.second() + 14 * DAY));
        },
        deletable: false,
    },
    Kind {
        sample: Sample::Payments,
        prefix: "pay",
        noun: "payment",
        fields: &[],
        samples: seeds::payments,
        begin: |_, _| {},
        deletable: false,
    },
    Kind {
        sample: Sample::CheckoutSessions,
        prefix: "cs",
        noun: "checkout session",
        fields: &[
            need("amount", Shape::Amount),
            need("currency", Shape::Currency),
            need("success_url", Shape::Url),
            may("cancel_url", Shape::Url),
            may("customer", Shape::Of(Sample::Customers)),
        ],
        samples: |_| Vec::new(),
        begin: |call, new| {
            let id = new["id"].as_str().unwrap_or_default();
            let url = format!("https://checkout.example/pay/{id}");
            or(new, "status", json!("open"));
            or(new, "url", json!(url));
            or(new, "expires_at", json!(call.second() + DAY));
        },
        deletable: false,
    },
];

/// The one record of its kind.
const SETTINGS: &[Field] = &[
    may("business_name", Shape::Text),
    may("support_email", Shape::Email),
    may("support_phone", Shape::Text),
    may("website", Shape::Url),
    may("timezone", Shape::Text),
    may("statement_descriptor", Shape::Text),
];

fn or(new: &mut Map<String, Value>, name: &str, value: Value) {
    new.entry(name).or_insert(value);
}

pub fn answer(
    sample: Sample,
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
) -> Answer {
    let id = call.rule.id_in(call.path);
    match (sample, id) {
        (Sample::Settings, _) => settings(call, fields, account),
        (Sample::FinanceReport, _) => Ok(report(call, account)),
        (Sample::PauseSubscription, Some(id)) => {
            become_one(call, account, id, &["active"], "paused")
        }
        (Sample::ResumeSubscription, Some(id)) => {
            become_one(call, account, id, &["paused"], "active")
        }
        (Sample::CancelSubscription, Some(id)) => become_one(
            call,
            account,
            id,
            &["active", "paused", "past_due"],
            "canceled",
        ),
        (Sample::SendInvoice, Some(id)) => send(call, account, id),
        (Sample::RefundPayment, Some(id)) => refund(call, fields, account, id),
        (Sample::Payments, None) if call.rule.method == Method::POST => {
            let Some(id) = fields.need_text("payment") else {
                return Err(fields.told());
            };
            refund(call, fields, account, &id)
        }
        _ => record(sample, id, call, fields, account),
    }
}

fn kind_of(sample: Sample) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.sample == sample)
}

/// The records of a kind.
fn shelf<'a>(account: &'a mut Account, call: &Call<'_>, kind: &Kind) -> &'a mut Vec<Value> {
    account.shelf(kind.sample, || (kind.samples)(call))
}

fn record(
    sample: Sample,
    id: Option<&str>,
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
) -> Answer {
    let kind = kind_of(sample).ok_or_else(no_sample)?;
    match (call.rule.method.as_str(), id) {
        ("GET", None) => portion(shelf(account, call, kind), &mut fields),
        ("GET", Some(id)) => {
            find(shelf(account, call, kind), kind.noun, id).map(|record| record.clone())
        }
        ("POST", None) if !kind.fields.is_empty() => create(kind, call, fields, account),
        ("PATCH" | "PUT" | "POST", Some(id)) if !kind.fields.is_empty() => {
            let said = said(kind.fields, false, call, &mut fields, account)?;
            let record = find(shelf(account, call, kind), kind.noun, id)?;
            if sample == Sample::Invoices && record["status"] != "draft" {
                return Err(Wrong::conflict("Only a draft can be changed."));
            }
            for (name, value) in said {
                record[name] = value;
            }
            Ok(record.clone())
        }
        ("DELETE", Some(id)) if kind.deletable => {
            let records = shelf(account, call, kind);
            find(records, kind.noun, id)?;
            records.retain(|record| record["id"] != id);
            Ok(json!({ "id": id, "object": kind.noun, "deleted": true }))
        }
        _ => Err(no_sample()),
    }
}

fn create(kind: &Kind, call: &Call<'_>, mut fields: Fields, account: &mut Account) -> Answer {
    let mut said = said(kind.fields, true, call, &mut fields, account)?;
    let mut new = Map::new();
    new.insert("id".to_owned(), json!(account.id(call, kind.prefix)));
    new.insert("object".to_owned(), json!(kind.noun.replace(' ', "_")));
    if kind.sample == Sample::Invoices {
        let number = 1_000 + account.number();
        new.insert("number".to_owned(), json!(format!("INV-{number}")));
    }
    if kind.sample == Sample::Subscriptions {
        let products = account.shelf(Sample::Products, || seeds::products(call));
        let product = said["product"].as_str().unwrap_or_default();
        let product = find(products, "product", product)?;
        for name in ["amount", "currency"] {
            said.insert(name.to_owned(), product[name].clone());
        }
    }
    new.append(&mut said);
    (kind.begin)(call, &mut new);
    new.insert("created".to_owned(), json!(call.second()));
    new.insert("livemode".to_owned(), json!(call.live()));
    let new = Value::Object(new);
    put(shelf(account, call, kind), new.clone());
    Ok(new)
}

/// What the call says of these fields, each in its shape. A new record needs some; a change says at least one.
fn said(
    known: &[Field],
    new: bool,
    call: &Call<'_>,
    fields: &mut Fields,
    account: &mut Account,
) -> Result<Map<String, Value>, Wrong> {
    let mut said = Map::new();
    for field in known {
        let name = field.name;
        if !fields.has(name) {
            if new && field.needed {
                fields.miss(name);
            }
            continue;
        }
        let value = match field.shape {
            Shape::Amount => fields.whole(name).map(Value::from),
            Shape::Flag => fields.flag(name).map(Value::from),
            Shape::Currency => Some(Value::from(call.named_money(fields)?.currency)),
            Shape::Text => fields.text(name).map(Value::from),
            Shape::Email => text_like(fields, name, "an e-mail address", |text| {
                text.split_once('@')
                    .is_some_and(|(who, host)| !who.is_empty() && host.contains('.'))
            }),
            Shape::Url => text_like(fields, name, "an http or https address", |text| {
                url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
            }),
            Shape::Of(sample) => fields.text(name).and_then(|id| {
                let kind = kind_of(sample)?;
                let there = shelf(account, call, kind).iter().any(|one| one["id"] == id);
                if !there {
                    fields.refuse(format!("There is no {} {id}.", kind.noun));
                }
                Some(Value::from(id))
            }),
        };
        if let Some(value) = value {
            said.insert(name.to_owned(), value);
        }
    }
    fields.sound()?;
    if said.is_empty() && !new {
        let names: Vec<&str> = known.iter().map(|field| field.name).collect();
        return Err(Wrong::asked(format!(
            "Say at least one of: {}.",
            names.join(", ")
        )));
    }
    Ok(said)
}

fn text_like(fields: &mut Fields, name: &str, what: &str, is: fn(&str) -> bool) -> Option<Value> {
    let text = fields.text(name)?;
    if !is(&text) {
        fields.refuse(format!("{name} must be {what}."));
    }
    Some(Value::from(text))
}

/// Brings a subscription from one of these states into another.
fn become_one(call: &Call<'_>, account: &mut Account, id: &str, from: &[&str], to: &str) -> Answer {
    let subscriptions = account.shelf(Sample::Subscriptions, || seeds::subscriptions(call));
    let subscription = find(subscriptions, "subscription", id)?;
    let status = subscription["status"].as_str().unwrap_or_default();
    if !from.contains(&status) {
        return Err(Wrong::conflict(format!(
            "The subscription is {status} and cannot become {to}."
        )));
    }
    subscription["status"] = json!(to);
    if to == "canceled" {
        subscription["canceled_at"] = json!(call.second());
    }
    Ok(subscription.clone())
}

fn send(call: &Call<'_>, account: &mut Account, id: &str) -> Answer {
    let invoices = account.shelf(Sample::Invoices, || seeds::invoices(call));
    let invoice = find(invoices, "invoice", id)?;
    if !["draft", "open"].contains(&invoice["status"].as_str().unwrap_or_default()) {
        return Err(Wrong::conflict(
            "The invoice is paid; there is nothing to send.",
        ));
    }
    invoice["status"] = json!("open");
    invoice["sent_at"] = json!(call.second());
    Ok(invoice.clone())
}

/// Gives back what was paid, or an `amount` of it.
fn refund(call: &Call<'_>, mut fields: Fields, account: &mut Account, id: &str) -> Answer {
    let amount = fields.whole("amount");
    fields.sound()?;
    let refund_id = account.id(call, "re");
    let payments = account.shelf(Sample::Payments, || seeds::payments(call));
    let payment = find(payments, "payment", id)?;
    let whole = |name: &str| payment[name].as_i64().unwrap_or_default();
    let (paid, refunded) = (whole("amount"), whole("amount_refunded"));
    let left = paid - refunded;
    let amount = amount.unwrap_or(left);
    if left == 0 {
        return Err(Wrong::conflict("The payment is refunded already."));
    }
    if amount > left {
        return Err(Wrong::asked(format!(
            "amount: {left} of the payment can be refunded at most."
        )));
    }
    payment["amount_refunded"] = json!(refunded + amount);
    payment["status"] = json!(if amount == left {
        "refunded"
    } else {
        "partially_refunded"
    });
    Ok(json!({
        "id": refund_id, "object": "refund", "payment": id, "amount": amount, "currency": payment["currency"],
        "status": "succeeded", "created": call.second(), "livemode": call.live(),
    }))
}

/// What came in, went back and was kept of the payments that there are.
fn report(call: &Call<'_>, account: &mut Account) -> Value {
    let payments = account.shelf(Sample::Payments, || seeds::payments(call));
    let sum = |name: &str| -> i64 { payments.iter().filter_map(|one| one[name].as_i64()).sum() };
    let (gross, refunds) = (sum("amount"), sum("amount_refunded"));
    // 2.9 %, as is usual for cards.
    let fees = gross * 29 / 1000;
    let dates = || payments.iter().filter_map(|one| one["created"].as_i64());
    json!({
        "object": "finance_report", "currency": call.money().currency,
        "from": dates().min(), "to": dates().max(), "payments": payments.len(),
        "gross": gross, "refunds": refunds, "fees": fees, "net": gross - refunds - fees,
        "livemode": call.live(),
    })
}

fn settings(call: &Call<'_>, mut fields: Fields, account: &mut Account) -> Answer {
    let said = match call.rule.method.as_str() {
        "GET" => Map::new(),
        "PATCH" | "PUT" | "POST" => said(SETTINGS, false, call, &mut fields, account)?,
        _ => return Err(no_sample()),
    };
    let shelf = account.shelf(Sample::Settings, || vec![seeds::settings(call)]);
    let settings = shelf.first_mut().ok_or_else(no_sample)?;
    for (name, value) in said {
        settings[name] = value;
    }
    Ok(settings.clone())
}
