//! What stands behind the gateway, as `LATCHKEY_UPSTREAM` says it: the sandbox, a server, or one of them per environment.

use axum::http::Uri;
use url::Url;

use crate::profiles::Profile;

const NAME: &str = "LATCHKEY_UPSTREAM";

/// Where requests of one environment go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// The sample data that Latchkey answers itself.
    Sandbox,
    Server(Base),
}

/// A server and the path that stands before that of each request; without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstreams {
    /// One for every environment.
    Every(Upstream),
    /// By the name of the environment.
    Each(Vec<(String, Upstream)>),
}

impl Base {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("{NAME}: {why}"));
        let Ok(url) = Url::parse(text) else {
            return wrong(&format!("{text}: neither `sandbox` nor a URL"));
        };
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return wrong(&format!("{text}: must be an http or https URL"));
        }
        // Neither would reach the upstream, and a password in a setting is easily shown.
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("a URL with a user or password is not accepted");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong(&format!("{text}: no query or fragment may stand in it"));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The address at this server of a request with this path and query.
    pub fn join(&self, asked: &Uri) -> Result<Uri, axum::http::uri::InvalidUri> {
        let path = asked
            .path_and_query()
            .map_or("/", axum::http::uri::PathAndQuery::as_str);
        format!("{}{path}", self.0).parse()
    }

    /// Whether it is reached by TLS.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl Upstream {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "sandbox" => Ok(Self::Sandbox),
            text => Base::parse(text).map(Self::Server),
        }
    }
}

impl Upstreams {
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        if !text.contains('=') || is_url(text) {
            return Upstream::parse(text).map(Self::Every);
        }
        let mut each: Vec<(String, Upstream)> = Vec::new();
        for entry in text.split(',') {
            let Some((environment, target)) = entry.split_once('=') else {
                return Err(format!(
                    "{NAME}: {entry}: must be environment=upstream, as in live=https://api.example.com"
                ));
            };
            let environment = environment.trim();
            if each.iter().any(|(named, _)| named == environment) {
                return Err(format!("{NAME}: {environment} is named twice"));
            }
            each.push((environment.to_owned(), Upstream::parse(target.trim())?));
        }
        Ok(Self::Each(each))
    }

    /// Every environment of the profile must have an upstream, and none other may.
    pub fn check(&self, profile: &Profile) -> Result<(), String> {
        let Self::Each(each) = self else {
            return Ok(());
        };
        let environments = || profile.environments.iter().map(|e| e.id.as_str());
        let all = environments().collect::<Vec<_>>().join(", ");
        if let Some((name, _)) = each
            .iter()
            .find(|(name, _)| !environments().any(|id| id == name))
        {
            return Err(format!(
                "{NAME}: {name} is no environment of the profile, which has {all}"
            ));
        }
        match environments().find(|id| self.of(id).is_none()) {
            Some(lacking) => Err(format!(
                "{NAME}: {lacking} has no upstream; the profile has {all}"
            )),
            None => Ok(()),
        }
    }

    /// Where requests of this environment go.
    pub fn of(&self, environment: &str) -> Option<&Upstream> {
        match self {
            Self::Every(upstream) => Some(upstream),
            Self::Each(each) => each
                .iter()
                .find(|(name, _)| name == environment)
                .map(|(_, upstream)| upstream),
        }
    }

    /// Whether any of them is reached by TLS.
    pub fn any_secure(&self) -> bool {
        let secure =
            |upstream: &Upstream| matches!(upstream, Upstream::Server(base) if base.is_secure());
        match self {
            Self::Every(upstream) => secure(upstream),
            Self::Each(each) => each.iter().any(|(_, upstream)| secure(upstream)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Upstream {
        Upstream::Server(Base(text.to_owned()))
    }

    #[test]
    fn one_for_all_or_one_for_each() {
        assert_eq!(
            Upstreams::parse("sandbox"),
            Ok(Upstreams::Every(Upstream::Sandbox))
        );
        assert_eq!(
            Upstreams::parse("http://10.0.0.1:8080/base/"),
            Ok(Upstreams::Every(server("http://10.0.0.1:8080/base")))
        );
        assert_eq!(
            Upstreams::parse("http://a.example/x=y"),
            Ok(Upstreams::Every(server("http://a.example/x=y")))
        );
        let each =
            Upstreams::parse("live=https://api.example.com, sandbox=sandbox").expect("sound");
        assert_eq!(each.of("live"), Some(&server("https://api.example.com")));
        assert_eq!(each.of("sandbox"), Some(&Upstream::Sandbox));
        assert_eq!(each.of("test"), None);
        assert!(each.any_secure());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("", "neither `sandbox` nor a URL"),
            ("api.example.com", "neither `sandbox` nor a URL"),
            ("ftp://a.example", "must be an http or https URL"),
            ("http://u:p@a.example", "user or password"),
            ("http://a.example?x", "no query or fragment"),
            ("live=sandbox,sandbox", "must be environment=upstream"),
            ("live=sandbox,live=sandbox", "live is named twice"),
        ] {
            let error = Upstreams::parse(text).expect_err(text);
            assert!(
                error.starts_with(NAME) && error.contains(said),
                "{text}: {error}"
            );
        }
        let profile = Profile::load("revkeen").expect("it loads");
        for (text, said) in [
            ("live=sandbox", "sandbox has no upstream"),
            (
                "live=sandbox,sandbox=sandbox,test=sandbox",
                "test is no environment of the profile",
            ),
        ] {
            let error = Upstreams::parse(text)
                .and_then(|upstreams| upstreams.check(&profile))
                .expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn path_and_query_follow_the_base() {
        let base = Base::parse("https://a.example:8443/base/").expect("sound");
        for (asked, sent) in [
            ("/v2/x?y=%20", "https://a.example:8443/base/v2/x?y=%20"),
            ("/", "https://a.example:8443/base/"),
            ("/v2/%63", "https://a.example:8443/base/v2/%63"),
        ] {
            let uri = base.join(&asked.parse().expect("a path")).expect("joined");
            assert_eq!(uri.to_string(), sent);
        }
    }
}
