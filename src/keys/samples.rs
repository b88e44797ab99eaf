//! A first call against the gateway that is really there: in six languages, or signed by a few lines of shell.

use crate::{
    profiles::{KeyStyle, Profile},
    ui::code_block::{Lang, Sample},
};

/// The variable that examples and the downloaded file keep the key in: `REVKEEN_API_KEY`.
pub fn variable(profile: &Profile) -> String {
    format!("{}_API_KEY", profile.id.to_uppercase().replace('-', "_"))
}

/// The curl line holds the key itself and works as pasted; programs read it from their environment, where a key belongs.
/// A pair's is a script that signs; its secret, if Latchkey made it, or the file with the private key stays where it runs.
pub fn first_call(
    profile: &Profile,
    gateway: &str,
    workspace_id: &str,
    public_key: &str,
    secret: &str,
) -> Vec<Sample> {
    let call = Call::first(profile, gateway, workspace_id);
    if profile.key_style == KeyStyle::Pair {
        let signed = call.signed(public_key, secret);
        return signed
            .map(|code| Sample::new(Lang::Curl, code))
            .into_iter()
            .collect();
    }
    let variable = variable(profile);
    [
        (Lang::Curl, call.curl(secret)),
        (Lang::JavaScript, call.javascript(&variable)),
        (Lang::Python, call.python(&variable)),
        (Lang::Rust, call.rust(&variable)),
        (Lang::Go, call.go(&variable)),
        (Lang::Php, call.php(&variable)),
    ]
    .into_iter()
    .map(|(lang, code)| Sample { lang, code })
    .collect()
}

/// The first call as a line of curl that asks the failure lab for a failure; the key comes from the environment. None for
/// a pair.
pub fn failing(profile: &Profile, gateway: &str, workspace_id: &str) -> Option<String> {
    let call = Call::first(profile, gateway, workspace_id);
    let line = call.curl(&format!("${}", variable(profile)));
    let line = line.replace(" \\\n  ", " ");
    (profile.key_style == KeyStyle::Secret)
        .then(|| format!("{line} -H \"X-Latchkey-Lab: rate-limited\""))
}

/// The call, with the key in the one place that the profile names first.
struct Call<'a> {
    method: &'a str,
    url: String,
    /// The header that carries the key, and what stands before it there.
    header: Option<(&'a str, &'static str)>,
    /// The fields of the form, in order.
    form: Vec<(&'a str, Value<'a>)>,
}

enum Value<'a> {
    Key,
    Text(&'a str),
}

impl<'a> Call<'a> {
    fn first(profile: &'a Profile, gateway: &str, workspace_id: &str) -> Self {
        let places = &profile.credential;
        let rule = &profile.first_call;
        let header = match places.headers.first() {
            Some(name) => Some((name.as_str(), "")),
            None => places.bearer.then_some(("authorization", "Bearer ")),
        };
        let key = places
            .form
            .as_deref()
            .filter(|_| header.is_none())
            .map(|field| (field, Value::Key));
        let action = rule
            .action
            .as_deref()
            .map(|action| ("action", Value::Text(action)));
        Self {
            method: rule.method.as_str(),
            url: format!(
                "{gateway}{}",
                rule.path.replace("{workspace}", workspace_id)
            ),
            header,
            form: key.into_iter().chain(action).collect(),
        }
    }

    /// The fields as code: `key` is how the language writes the key, `field` how it writes one of them.
    fn fields(&self, key: &str, field: impl Fn(&str, &str) -> String) -> String {
        let fields: Vec<String> = self
            .form
            .iter()
            .map(|(name, value)| match value {
                Value::Key => field(name, key),
                Value::Text(text) => field(name, &format!("\"{text}\"")),
            })
            .collect();
        fields.join(", ")
    }

    fn curl(&self, secret: &str) -> String {
        let mut code = vec![format!("curl {}", self.url)];
        // A form makes a POST of itself.
        let usual = if self.form.is_empty() { "GET" } else { "POST" };
        if self.method != usual {
            code.push(format!(" \\\n  -X {}", self.method));
        }
        if let Some((name, before)) = self.header {
            code.push(format!(" \\\n  -H \"{name}: {before}{secret}\""));
        }
        for (name, value) in &self.form {
            let value = match value {
                Value::Key => secret,
                Value::Text(text) => text,
            };
            code.push(format!(" \\\n  -d \"{name}={value}\""));
        }
        code.concat()
    }

    /// Signs as RFC 9421 has it, with openssl. None for a form, whose digest would have to be signed too, or an address that is
    /// none.
    fn signed(&self, public_key: &str, secret: &str) -> Option<String> {
        let url = url::Url::parse(&self.url).ok()?;
        if !self.form.is_empty() {
            return None;
        }
        let authority = match (url.host_str()?, url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let (holds, sign) = if secret.is_empty() {
            (
                "PRIVATE_KEY=private-key.pem".to_owned(),
                "SIGNED=$(mktemp) && printf %s \"$BASE\" > \"$SIGNED\"\n\
                 SIGNATURE=$(openssl pkeyutl -sign -inkey \"$PRIVATE_KEY\" -rawin -in \"$SIGNED\" | openssl base64 -A)",
            )
        } else {
            (
                format!("SECRET_KEY={secret}"),
                "SIGNATURE=$(printf %s \"$BASE\" | openssl dgst -sha256 -hmac \"$SECRET_KEY\" -binary | openssl base64 -A)",
            )
        };
        let (method, path, query) = (self.method, url.path(), url.query().unwrap_or_default());
        Some(format!(
            r#"PUBLIC_KEY={public_key}
{holds}
INPUT="(\"@method\" \"@authority\" \"@path\" \"@query\")"
INPUT="$INPUT;created=$(date +%s);keyid=\"$PUBLIC_KEY\";nonce=\"$(openssl rand -hex 16)\""
BASE="\"@method\": {method}
\"@authority\": {authority}
\"@path\": {path}
\"@query\": ?{query}
\"@signature-params\": $INPUT"
{sign}
curl -X {method} {url} \
  -H "Signature-Input: sig1=$INPUT" \
  -H "Signature: sig1=:$SIGNATURE:""#
        ))
    }

    fn javascript(&self, variable: &str) -> String {
        let key = format!("process.env.{variable}");
        let mut options = Vec::new();
        if self.method != "GET" {
            options.push(format!("  method: \"{}\",\n", self.method));
        }
        if let Some((name, before)) = self.header {
            let value = joined(before, " + ", &key);
            options.push(format!("  headers: {{ \"{name}\": {value} }},\n"));
        }
        if !self.form.is_empty() {
            let fields = self.fields(&key, |name, value| format!("{name}: {value}"));
            options.push(format!("  body: new URLSearchParams({{ {fields} }}),\n"));
        }
        format!(
            "const response = await fetch(\"{}\", {{\n{}}});\nconsole.log(await response.json());",
            self.url,
            options.concat()
        )
    }

    fn python(&self, variable: &str) -> String {
        let key = format!("os.environ[\"{variable}\"]");
        let mut arguments = Vec::new();
        if let Some((name, before)) = self.header {
            let value = joined(before, " + ", &key);
            arguments.push(format!("    headers={{\"{name}\": {value}}},\n"));
        }
        if !self.form.is_empty() {
            let fields = self.fields(&key, |name, value| format!("\"{name}\": {value}"));
            arguments.push(format!("    data={{{fields}}},\n"));
        }
        format!(
            "import os, requests\n\nresponse = requests.{}(\n    \"{}\",\n{})\nprint(response.json())",
            self.method.to_lowercase(),
            self.url,
            arguments.concat()
        )
    }

    fn rust(&self, variable: &str) -> String {
        let mut request = vec![format!(
            "    .{}(\"{}\")\n",
            self.method.to_lowercase(),
            self.url
        )];
        if let Some((name, before)) = self.header {
            let value = if before.is_empty() {
                "&key".to_owned()
            } else {
                format!("format!(\"{before}{{key}}\")")
            };
            request.push(format!("    .header(\"{name}\", {value})\n"));
        }
        if !self.form.is_empty() {
            let fields = self.fields("key.as_str()", |name, value| {
                format!("(\"{name}\", {value})")
            });
            request.push(format!("    .form(&[{fields}])\n"));
        }
        format!(
            "let key = std::env::var(\"{variable}\")?;\nlet body = reqwest::Client::new()\n{}    .send()\n    .await?\n    .text()\n    .await?;\nprintln!(\"{{body}}\");",
            request.concat()
        )
    }

    fn go(&self, variable: &str) -> String {
        let key = format!("os.Getenv(\"{variable}\")");
        let mut code = Vec::new();
        let mut body = "nil";
        if !self.form.is_empty() {
            let fields = self.fields(&key, |name, value| format!("\"{name}\": {{{value}}}"));
            code.push(format!("form := url.Values{{{fields}}}\n"));
            body = "strings.NewReader(form.Encode())";
        }
        code.push(format!(
            "request, _ := http.NewRequest(\"{}\", \"{}\", {body})\n",
            self.method, self.url
        ));
        if let Some((name, before)) = self.header {
            let value = joined(before, "+", &key);
            code.push(format!("request.Header.Set(\"{name}\", {value})\n"));
        }
        if !self.form.is_empty() {
            code.push(
                "request.Header.Set(\"Content-Type\", \"application/x-www-form-urlencoded\")\n"
                    .to_owned(),
            );
        }
        code.push("response, err := http.DefaultClient.Do(request)".to_owned());
        code.concat()
    }

    fn php(&self, variable: &str) -> String {
        let key = format!("getenv(\"{variable}\")");
        let mut options = Vec::new();
        if let Some((name, before)) = self.header {
            options.push(format!(
                "curl_setopt($request, CURLOPT_HTTPHEADER, [\"{name}: {before}\" . {key}]);\n"
            ));
        }
        if !self.form.is_empty() {
            let fields = self.fields(&key, |name, value| format!("\"{name}\" => {value}"));
            options.push(format!(
                "curl_setopt($request, CURLOPT_POSTFIELDS, http_build_query([{fields}]));\n"
            ));
        }
        format!(
            "$request = curl_init(\"{}\");\n{}curl_setopt($request, CURLOPT_RETURNTRANSFER, true);\necho curl_exec($request);",
            self.url,
            options.concat()
        )
    }
}

/// What stands before a value in its header, and the value, as an expression.
fn joined(before: &str, plus: &str, value: &str) -> String {
    if before.is_empty() {
        value.to_owned()
    } else {
        format!("\"{before}\"{plus}{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str = "http://localhost:3200";

    fn samples(profile: &str, secret: &str) -> Vec<Sample> {
        let profile = Profile::load(profile).expect("it loads");
        first_call(&profile, GATEWAY, "wsp_1", "pk_test_x", secret)
    }

    #[test]
    fn the_curl_line_is_right_for_each_platform() {
        for (profile, secret, curl) in [
            (
                "revkeen",
                "rk_sandbox_x",
                "curl http://localhost:3200/v2/customers \\\n  -H \"x-revkeen-key: rk_sandbox_x\"",
            ),
            (
                "rukkyhub",
                "rk_live_x",
                "curl http://localhost:3200/api/v1 \\\n  -H \"x-api-key: rk_live_x\" \\\n  -d \"action=balance\"",
            ),
            (
                "reseller-v2",
                "rs_live_x",
                "curl http://localhost:3200/api/v2 \\\n  -d \"key=rs_live_x\" \\\n  -d \"action=balance\"",
            ),
            (
                "universal-wallet",
                "uw_live_x",
                "curl http://localhost:3200/api/v1/distributors/wsp_1/balance \\\n  -H \"authorization: Bearer uw_live_x\"",
            ),
        ] {
            let samples = samples(profile, secret);
            assert_eq!(samples.len(), 6);
            assert_eq!(
                (samples[0].lang, samples[0].code.as_str()),
                (Lang::Curl, curl)
            );
        }
    }

    #[test]
    fn a_pairs_first_call_signs_with_what_its_holder_has_and_sends_no_secret() {
        for (secret, holds) in [
            ("sk_test_x", "SECRET_KEY=sk_test_x"),
            ("", "PRIVATE_KEY=private-key.pem"),
        ] {
            let samples = samples("dual-mode", secret);
            let [sample] = samples.as_slice() else {
                panic!("one sample");
            };
            let (signing, call) = sample.code.split_once("\ncurl ").expect("a call");
            assert!(signing.contains(holds) && signing.contains("PUBLIC_KEY=pk_test_x"));
            assert!(
                signing.contains("\"@authority\\\": localhost:3200\n"),
                "{signing}"
            );
            assert!(
                call.starts_with("-X GET http://localhost:3200/v1/balance")
                    && !call.contains("sk_")
            );
        }
    }

    #[test]
    fn only_the_curl_line_holds_the_key() {
        for profile in ["revkeen", "rukkyhub", "reseller-v2", "universal-wallet"] {
            for sample in &samples(profile, "the-secret")[1..] {
                assert!(!sample.code.contains("the-secret"), "{}", sample.code);
                assert!(sample.code.contains("_API_KEY"), "{}", sample.code);
            }
        }
    }

    #[test]
    fn programs_send_a_form_where_the_action_stands_in_one() {
        let code = |profile: &str, lang: Lang| {
            let samples = samples(profile, "x");
            let sample = samples.into_iter().find(|sample| sample.lang == lang);
            sample.expect("a sample").code
        };
        assert_eq!(
            code("reseller-v2", Lang::JavaScript),
            "const response = await fetch(\"http://localhost:3200/api/v2\", {\n  method: \"POST\",\n  \
             body: new URLSearchParams({ key: process.env.RESELLER_V2_API_KEY, action: \"balance\" }),\n});\n\
             console.log(await response.json());"
        );
        assert!(code("rukkyhub", Lang::Python).contains(
            "requests.post(\n    \"http://localhost:3200/api/v1\",\n    headers={\"x-api-key\": os.environ[\"RUKKYHUB_API_KEY\"]},\n    data={\"action\": \"balance\"},\n)"
        ));
        assert!(
            code("reseller-v2", Lang::Rust)
                .contains(".form(&[(\"key\", key.as_str()), (\"action\", \"balance\")])")
        );
        assert!(code("reseller-v2", Lang::Go).contains(
            "url.Values{\"key\": {os.Getenv(\"RESELLER_V2_API_KEY\")}, \"action\": {\"balance\"}}"
        ));
        assert!(code("reseller-v2", Lang::Php).contains(
            "http_build_query([\"key\" => getenv(\"RESELLER_V2_API_KEY\"), \"action\" => \"balance\"])"
        ));
    }
}
