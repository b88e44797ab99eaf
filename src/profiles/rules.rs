//! Which rule a call falls under.

use axum::http::Method;

use super::{Profile, Rule};

/// The step of a rule's path that stands for the id of the key's workspace.
const WORKSPACE: &str = "{workspace}";
/// The step that stands for any one id.
const ID: &str = "{id}";
/// Every step of a rule's path that stands for others.
pub(super) const STEPS: &[&str] = &[WORKSPACE, ID];

/// What the rules say of a call.
#[derive(Clone, Copy, Debug)]
pub enum Ruling<'a> {
    Rule {
        rule: &'a Rule,
        /// The workspace that the path names, if the rule has a place for one.
        workspace: Option<&'a str>,
    },
    /// Rules name the path, but none the form's action; or it needs one and there is none.
    UnknownAction,
    Unruled,
}

impl<'a> Ruling<'a> {
    pub const fn rule(self) -> Option<&'a Rule> {
        match self {
            Self::Rule { rule, .. } => Some(rule),
            Self::UnknownAction | Self::Unruled => None,
        }
    }
}

/// A path that is a rule's.
struct Bound<'p> {
    workspace: Option<&'p str>,
    /// The last of its ids.
    id: Option<&'p str>,
}

impl Profile {
    /// The rule of a call. `action` is what the form says; where rules of a path name actions, one of them must be said.
    /// Either all rules of a method and path name one, or there is a single rule that names none.
    pub fn rule_for<'a>(
        &'a self,
        method: &Method,
        path: &'a str,
        action: Option<&str>,
    ) -> Ruling<'a> {
        let mut ruling = Ruling::Unruled;
        for rule in self.rules.iter().filter(|rule| rule.method == *method) {
            let Some(Bound { workspace, .. }) = rule.bind(path) else {
                continue;
            };
            if rule.action.is_none() || rule.action.as_deref() == action {
                return Ruling::Rule { rule, workspace };
            }
            ruling = Ruling::UnknownAction;
        }
        ruling
    }

    /// Whether what a call needs depends on its form.
    pub fn reads_action(&self, method: &Method, path: &str) -> bool {
        self.rules.iter().any(|rule| {
            rule.action.is_some() && rule.method == *method && rule.bind(path).is_some()
        })
    }
}

impl Rule {
    /// Whether calls under this rule name the workspace that they are about.
    pub fn names_workspace(&self) -> bool {
        self.path.split('/').any(|step| step == WORKSPACE)
    }

    /// Whether calls under this rule are about one thing, named by its id.
    pub fn names_id(&self) -> bool {
        self.path.split('/').any(|step| step == ID)
    }

    /// The id in a path of this rule, as it stands there; the last one if there are several.
    pub fn id_in<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.bind(path)?.id
    }

    /// Whether the path is this rule's and, if so, what it names.
    fn bind<'p>(&self, path: &'p str) -> Option<Bound<'p>> {
        let mut workspace = None;
        let mut id = None;
        let mut steps = path.split('/');
        for ruled in self.path.split('/') {
            let step = steps.next()?;
            if ruled == WORKSPACE {
                if step.is_empty() || workspace.is_some_and(|named| named != step) {
                    return None;
                }
                workspace = Some(step);
            } else if ruled == ID {
                if !is_one_id(step) {
                    return None;
                }
                id = Some(step);
            } else if ruled != step {
                return None;
            }
        }
        steps.next().is_none().then_some(Bound { workspace, id })
    }
}

/// Whether a step is one id and stays one for whoever decodes or tidies the path behind the gateway: what could become
/// another path there is no rule's. A slash may hide in it percent-encoded, and dots may climb.
fn is_one_id(step: &str) -> bool {
    let step = step.to_ascii_lowercase();
    let hidden = ["%2f", "%5c", "%00", "\\"];
    !hidden.iter().any(|part| step.contains(part))
        && !matches!(step.replace("%2e", ".").as_str(), "" | "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [[rules]]
        method = "POST"
        path = "/api"
        action = "balance"
        scope = "finance:read"

        [[rules]]
        method = "POST"
        path = "/api"
        action = "add"
        scope = "checkout:write"

        [[rules]]
        method = "GET"
        path = "/w/{workspace}/balance"
        scope = "finance:read"

        [first_call]"#;

    fn profile(rules: &str) -> Profile {
        let text = include_str!("revkeen.toml").replace("[first_call]", rules);
        Profile::parse(&text).expect("sound")
    }

    fn scope(profile: &Profile, method: Method, path: &str, action: Option<&str>) -> String {
        match profile.rule_for(&method, path, action) {
            Ruling::Rule { rule, workspace } => {
                format!("{} {}", rule.scope, workspace.unwrap_or("-"))
            }
            Ruling::UnknownAction => "unknown action".to_owned(),
            Ruling::Unruled => "unruled".to_owned(),
        }
    }

    #[test]
    fn one_path_serves_many_actions_and_no_others() {
        let profile = profile(RULES);
        let post = |action| scope(&profile, Method::POST, "/api", action);
        assert_eq!(post(Some("balance")), "finance:read -");
        assert_eq!(post(Some("add")), "checkout:write -");
        assert_eq!(post(Some("Balance")), "unknown action");
        assert_eq!(post(Some("")), "unknown action");
        assert_eq!(post(None), "unknown action");
        assert_eq!(scope(&profile, Method::GET, "/api", Some("add")), "unruled");
        assert_eq!(
            scope(&profile, Method::POST, "/api/", Some("add")),
            "unruled"
        );
        assert_eq!(
            scope(&profile, Method::GET, "/v2/customers", Some("add")),
            "customers:read -"
        );
        assert!(profile.reads_action(&Method::POST, "/api"));
        assert!(!profile.reads_action(&Method::GET, "/v2/customers"));
    }

    #[test]
    fn a_path_names_the_workspace_that_it_is_about() {
        let profile = profile(RULES);
        let get = |path| scope(&profile, Method::GET, path, None);
        assert_eq!(get("/w/wsp_1/balance"), "finance:read wsp_1");
        assert_eq!(get("/w/%77sp_1/balance"), "finance:read %77sp_1");
        for path in [
            "/w//balance",
            "/w/wsp_1/balance/",
            "/w/wsp_1",
            "/w/a/b/balance",
            "/w/wsp_1/Balance",
        ] {
            assert_eq!(get(path), "unruled", "{path}");
        }
        assert!(profile.rules.iter().any(Rule::names_workspace));
    }

    #[test]
    fn an_id_is_one_step_and_cannot_become_two() {
        let profile = profile(
            r#"
            [[rules]]
            method = "GET"
            path = "/w/{id}"
            scope = "finance:read"
            [first_call]"#,
        );
        let get = |path: &str| match profile.rule_for(&Method::GET, path, None) {
            Ruling::Rule { rule, .. } => rule.id_in(path).map(str::to_owned),
            _ => None,
        };
        for id in ["cus_1", "a%20b", "...", "%252f", "*"] {
            assert_eq!(get(&format!("/w/{id}")).as_deref(), Some(id));
        }
        for id in [
            "", ".", "..", "%2e%2E", ".%2e", "a%2Fb", "a%2fb", "a%5cb", "a\\b", "a%00", "a/b", "a/",
        ] {
            assert_eq!(get(&format!("/w/{id}")), None, "{id}");
        }
    }
}
