//! A first call in six languages, against the gateway that is really there.

use crate::{
    profiles::Profile,
    ui::code_block::{Lang, Sample},
};

/// The variable that examples and the downloaded file keep the key in: `REVKEEN_API_KEY`.
pub fn variable(profile: &Profile) -> String {
    format!("{}_API_KEY", profile.id.to_uppercase().replace('-', "_"))
}

/// The curl line holds the key itself and works as pasted; programs read it from their environment, where a key belongs.
pub fn first_call(profile: &Profile, gateway: &str, secret: &str) -> Vec<Sample> {
    let url = format!("{gateway}{}", profile.first_call.path);
    let variable = variable(profile);
    let header = profile
        .credential
        .headers
        .first()
        .map_or("authorization", |name| name.as_str());
    let bearer = if header == "authorization" {
        "Bearer "
    } else {
        ""
    };
    vec![
        Sample {
            lang: Lang::Curl,
            code: format!("curl {url} \\\n  -H \"{header}: {bearer}{secret}\""),
        },
        Sample {
            lang: Lang::JavaScript,
            code: format!(
                "const response = await fetch(\"{url}\", {{\n  headers: {{ \"{header}\": `{bearer}${{process.env.{variable}}}` }},\n}});\nconsole.log(await response.json());"
            ),
        },
        Sample {
            lang: Lang::Python,
            code: format!(
                "import os, requests\n\nresponse = requests.get(\n    \"{url}\",\n    headers={{\"{header}\": \"{bearer}\" + os.environ[\"{variable}\"]}},\n)\nprint(response.json())"
            ),
        },
        Sample {
            lang: Lang::Rust,
            code: format!(
                "let key = std::env::var(\"{variable}\")?;\nlet body = reqwest::Client::new()\n    .get(\"{url}\")\n    .header(\"{header}\", format!(\"{bearer}{{key}}\"))\n    .send()\n    .await?\n    .text()\n    .await?;\nprintln!(\"{{body}}\");"
            ),
        },
        Sample {
            lang: Lang::Go,
            code: format!(
                "request, _ := http.NewRequest(\"GET\", \"{url}\", nil)\nrequest.Header.Set(\"{header}\", \"{bearer}\"+os.Getenv(\"{variable}\"))\nresponse, err := http.DefaultClient.Do(request)"
            ),
        },
        Sample {
            lang: Lang::Php,
            code: format!(
                "$request = curl_init(\"{url}\");\ncurl_setopt($request, CURLOPT_HTTPHEADER, [\"{header}: {bearer}\" . getenv(\"{variable}\")]);\ncurl_setopt($request, CURLOPT_RETURNTRANSFER, true);\necho curl_exec($request);"
            ),
        },
    ]
}
