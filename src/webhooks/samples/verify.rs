use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whether the request was signed with the secret within five minutes of
/// `now`, a Unix second. `signatures` is the whole header, and `body` the
/// bytes as they came.
pub fn verify(
    secret: &str,
    id: &str,
    timestamp: &str,
    signatures: &str,
    body: &[u8],
    now: i64,
) -> Result<(), &'static str> {
    let sent: i64 = timestamp.parse().map_err(|_| "no timestamp")?;
    if now.abs_diff(sent) > 300 {
        return Err("too old, or from the future");
    }
    let key = secret.strip_prefix("whsec_").unwrap_or(secret);
    let key = STANDARD.decode(key).map_err(|_| "no secret")?;
    let mac = Hmac::<Sha256>::new_from_slice(&key);
    let mut mac = mac.map_err(|_| "no secret")?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);

    // While a secret is rotated there are two. The comparison takes the same
    // time wherever they differ.
    let matches = signatures.split(' ').any(|signature| {
        signature
            .strip_prefix("v1,")
            .and_then(|given| STANDARD.decode(given).ok())
            .is_some_and(|given| mac.clone().verify_slice(&given).is_ok())
    });
    if matches {
        Ok(())
    } else {
        Err("the signature is wrong")
    }
}
