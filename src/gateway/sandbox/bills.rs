//! Top-ups and bills: what can be bought, whose a number is, buying it from the account's balance, and how that went.
//! Prices are whole numbers of the minor unit of the account's currency.

use serde_json::{Value, json};

use super::{
    Answer, Call, Wrong,
    account::{Account, put},
    fields::Fields,
    no_sample, panel, seeds,
};
use crate::profiles::Sample;

const NETWORKS: &[&str] = &["MTN", "Airtel", "Glo", "9mobile"];
/// Name, size, days, price.
const DATA: &[(&str, &str, u16, i64)] = &[
    ("MTN", "500MB", 30, 15_000),
    ("MTN", "1GB", 30, 28_000),
    ("MTN", "5GB", 30, 140_000),
    ("Airtel", "1GB", 30, 29_000),
    ("Airtel", "2GB", 30, 57_000),
    ("Glo", "1.35GB", 14, 46_500),
    ("Glo", "2.9GB", 30, 93_000),
    ("9mobile", "1GB", 30, 30_000),
];
const SME: &[(&str, &str, u16, i64)] = &[
    ("MTN", "1GB", 30, 25_500),
    ("MTN", "3GB", 30, 76_500),
    ("MTN", "10GB", 30, 255_000),
    ("Airtel", "1GB", 7, 24_000),
];
/// Provider, package, price a month.
const CABLE: &[(&str, &str, i64)] = &[
    ("DStv", "Padi", 440_000),
    ("DStv", "Compact", 1_900_000),
    ("DStv", "Premium", 4_450_000),
    ("GOtv", "Jinja", 390_000),
    ("GOtv", "Max", 850_000),
    ("StarTimes", "Basic", 400_000),
];
const COMPANIES: &[(&str, &str)] = &[
    ("ikeja-electric", "Ikeja Electric"),
    ("eko-electric", "Eko Electricity"),
    ("abuja-electric", "Abuja Electricity"),
    ("kano-electric", "Kano Electricity"),
    ("ibadan-electric", "Ibadan Electricity"),
    ("port-harcourt-electric", "Port Harcourt Electricity"),
];
/// Name and price of a PIN.
const EXAMS: &[(&str, i64)] = &[
    ("WAEC", 345_000),
    ("NECO", 130_000),
    ("NABTEB", 90_000),
    ("JAMB", 620_000),
];
/// What recharge cards are worth.
const CARDS: &[i64] = &[10_000, 20_000, 50_000, 100_000];
/// PINs in one purchase.
const MOST_PINS: i64 = 10;

/// Something that was bought.
pub struct Purchase {
    reference: String,
    told: Value,
}

pub fn answer(
    sample: Sample,
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
) -> Answer {
    match sample {
        Sample::DataPlans => Ok(listed(
            &data_plans(call, "data", DATA),
            "network",
            &mut fields,
        )),
        Sample::SmeDataPlans => Ok(listed(
            &data_plans(call, "sme", SME),
            "network",
            &mut fields,
        )),
        Sample::CablePlans => Ok(listed(&cable_plans(call), "provider", &mut fields)),
        Sample::ElectricityCompanies => Ok(success(json!({
            "data": COMPANIES.iter().map(|(id, name)| json!({
                "id": id, "name": name, "types": ["prepaid", "postpaid"],
            })).collect::<Value>(),
        }))),
        Sample::CableCustomer => {
            let provider = one_of(&mut fields, "provider", CABLE.iter().map(|plan| plan.0));
            let smartcard = number(&mut fields, "smartcard");
            let (Some(provider), Some(smartcard)) = (provider, smartcard) else {
                return Err(fields.told());
            };
            Ok(success(json!({
                "name": holder(call, &smartcard), "smartcard": smartcard, "provider": provider,
            })))
        }
        Sample::MeterHolder => {
            let company = one_of(&mut fields, "disco", COMPANIES.iter().map(|one| one.0));
            let meter = number(&mut fields, "meter");
            let (Some(company), Some(meter)) = (company, meter) else {
                return Err(fields.told());
            };
            let house = 1 + call.seed(&meter).below(120);
            Ok(success(json!({
                "name": holder(call, &meter), "meter": meter, "disco": company,
                "address": format!("{house} Unity Road"),
            })))
        }
        Sample::BuyAirtime => {
            let network = one_of(&mut fields, "network", NETWORKS.iter().copied());
            let phone = number(&mut fields, "phone");
            let amount = call.amount(&mut fields);
            let (Some(network), Some(phone), Some(amount)) = (network, phone, amount) else {
                return Err(fields.told());
            };
            let what = json!({ "product": format!("{network} airtime"), "phone": phone });
            buy(call, account, amount, what)
        }
        Sample::BuyData => buy_plan(
            call,
            fields,
            account,
            &data_plans(call, "data", DATA),
            "phone",
        ),
        Sample::BuySmeData => buy_plan(
            call,
            fields,
            account,
            &data_plans(call, "sme", SME),
            "phone",
        ),
        Sample::PayCable => buy_plan(call, fields, account, &cable_plans(call), "smartcard"),
        Sample::BuyElectricity => electricity(call, fields, account),
        Sample::BuyExamPins => {
            let exam = one_of(&mut fields, "exam", EXAMS.iter().map(|exam| exam.0));
            let count = pins(&mut fields);
            let (Some(exam), Some(count)) = (exam, count) else {
                return Err(fields.told());
            };
            let price = EXAMS.iter().find(|(name, _)| *name == exam);
            let amount = price.map_or(0, |(_, price)| *price) * count;
            let what = json!({ "product": format!("{exam} PIN"), "pins": made_pins(call, account, count) });
            buy(call, account, amount, what)
        }
        Sample::BuyRechargeCards => {
            let network = one_of(&mut fields, "network", NETWORKS.iter().copied());
            let value = fields.need_whole("value");
            if value.is_some_and(|value| !CARDS.contains(&value)) {
                fields.refuse("value must be 10000, 20000, 50000 or 100000.");
            }
            let count = pins(&mut fields);
            fields.sound()?;
            let (Some(network), Some(value), Some(count)) = (network, value, count) else {
                return Err(fields.told());
            };
            let what = json!({
                "product": format!("{network} recharge card"), "value": value,
                "pins": made_pins(call, account, count),
            });
            buy(call, account, value * count, what)
        }
        Sample::PurchaseStatus => {
            let Some(reference) = fields.need_text("reference") else {
                return Err(fields.told());
            };
            account
                .purchases
                .iter()
                .find(|purchase| purchase.reference == reference)
                .map(|purchase| purchase.told.clone())
                .ok_or_else(|| Wrong::absent(format!("There is no purchase {reference}.")))
        }
        _ => Err(no_sample()),
    }
}

fn success(mut body: Value) -> Value {
    body["status"] = json!("success");
    body
}

/// Whose a number is, as such companies write it.
fn holder(call: &Call<'_>, number: &str) -> String {
    seeds::name(call, call.seed(number).below(16)).to_uppercase()
}

fn data_plans(call: &Call<'_>, kind: &str, plans: &[(&str, &str, u16, i64)]) -> Vec<Value> {
    let currency = call.money().currency;
    plans
        .iter()
        .map(|(network, size, days, price)| {
            let id = format!("{network}-{kind}-{size}-{days}d").to_lowercase();
            json!({
                "id": id, "network": network, "name": format!("{network} {size}, {days} days"),
                "size": size, "days": days, "price": price, "currency": currency,
            })
        })
        .collect()
}

fn cable_plans(call: &Call<'_>) -> Vec<Value> {
    let currency = call.money().currency;
    CABLE
        .iter()
        .map(|(provider, name, price)| {
            json!({
                "id": format!("{provider}-{name}").to_lowercase(), "provider": provider,
                "name": format!("{provider} {name}"), "days": 30, "price": price, "currency": currency,
            })
        })
        .collect()
}

/// The plans, or those of the one `by` whom the call names.
fn listed(plans: &[Value], by: &str, fields: &mut Fields) -> Value {
    let wanted = fields.text(by).map(|wanted| wanted.to_lowercase());
    let data: Vec<&Value> = plans
        .iter()
        .filter(|plan| {
            let of = plan[by].as_str().unwrap_or_default().to_lowercase();
            wanted.as_ref().is_none_or(|wanted| *wanted == of)
        })
        .collect();
    success(json!({ "data": data }))
}

/// The value of a field that has to be one of these, in whatever case.
fn one_of<'a>(
    fields: &mut Fields,
    name: &'static str,
    all: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let said = fields.need_text(name)?;
    let mut known: Vec<&str> = all.collect();
    known.dedup();
    let found = known.iter().find(|known| known.eq_ignore_ascii_case(&said));
    if found.is_none() {
        fields.refuse(format!("{name} must be one of: {}.", known.join(", ")));
    }
    found.copied()
}

/// The number of a phone, meter or smartcard.
fn number(fields: &mut Fields, name: &'static str) -> Option<String> {
    let said = fields.need_text(name)?;
    let digits = said.strip_prefix('+').unwrap_or(&said);
    let sound = (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !sound {
        fields.refuse(format!("{name} must be a number of 8 to 15 digits."));
    }
    sound.then_some(said)
}

/// How many PINs are bought; one, if nothing is said.
fn pins(fields: &mut Fields) -> Option<i64> {
    if !fields.has("quantity") {
        return Some(1);
    }
    let count = fields.whole("quantity")?;
    if count > MOST_PINS {
        fields.refuse(format!("quantity is at most {MOST_PINS}."));
        return None;
    }
    Some(count)
}

fn made_pins(call: &Call<'_>, account: &mut Account, count: i64) -> Vec<String> {
    (0..count)
        .map(|_| {
            let number = account.number();
            call.seed(&format!("pin/{number}/{}", call.now)).digits(12)
        })
        .collect()
}

fn buy_plan(
    call: &Call<'_>,
    mut fields: Fields,
    account: &mut Account,
    plans: &[Value],
    whose: &'static str,
) -> Answer {
    let plan = fields.need_text("plan");
    let number = number(&mut fields, whose);
    let (Some(plan), Some(number)) = (plan, number) else {
        return Err(fields.told());
    };
    let found = plans.iter().find(|known| known["id"] == plan);
    let found = found.ok_or_else(|| Wrong::asked(format!("There is no plan {plan}.")))?;
    let price = found["price"].as_i64().unwrap_or_default();
    let mut what = json!({ "product": found["name"], "plan": plan });
    what[whose] = json!(number);
    buy(call, account, price, what)
}

fn electricity(call: &Call<'_>, mut fields: Fields, account: &mut Account) -> Answer {
    let company = one_of(&mut fields, "disco", COMPANIES.iter().map(|one| one.0));
    let meter = number(&mut fields, "meter");
    let amount = call.amount(&mut fields);
    let (Some(company), Some(meter), Some(amount)) = (company, meter, amount) else {
        return Err(fields.told());
    };
    let number = account.number();
    let token = call
        .seed(&format!("token/{number}/{}", call.now))
        .digits(20);
    // About what a kilowatt-hour costs, in minor units.
    let units = amount / 22_500;
    let what = json!({
        "product": format!("{company} electricity"), "disco": company, "meter": meter, "token": token,
        "units": units,
    });
    buy(call, account, amount, what)
}

/// Pays from the balance and keeps what was bought, so that it can be asked about.
fn buy(call: &Call<'_>, account: &mut Account, amount: i64, what: Value) -> Answer {
    panel::pay(call, account, amount * (panel::UNIT / 100))?;
    let reference = account.id(call, "vtu");
    let mut told = success(what);
    told["reference"] = json!(reference);
    told["amount"] = json!(amount);
    told["currency"] = json!(call.money().currency);
    told["state"] = json!("delivered");
    told["created"] = json!(call.second());
    put(
        &mut account.purchases,
        Purchase {
            reference,
            told: told.clone(),
        },
    );
    Ok(told)
}
