//! Which rule a call falls under.

use axum::http::Method;

use super::{Profile, Rule};

/// The step of a rule's path that stands for the id of the key's workspace.
const WORKSPACE: &str = "{workspace}";

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

/// A path that is a rule's.
struct Bound<'p> {
    workspace: Option<&'p str>,
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
            let Some(Bound { workspace }) = rule.bind(path) else {
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

    /// Whether the path is this rule's and, if so, which workspace it names.
    fn bind<'p>(&self, path: &'p str) -> Option<Bound<'p>> {
        let mut workspace = None;
        let mut steps = path.split('/');
        for ruled in self.path.split('/') {
            let step = steps.next()?;
            if ruled == WORKSPACE {
                if step.is_empty() || workspace.is_some_and(|named| named != step) {
                    return None;
                }
                workspace = Some(step);
            } else if ruled != step {
                return None;
            }
        }
        steps.next().is_none().then_some(Bound { workspace })
    }
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
}
