//! Roles: what a member of a workspace may do there. One person may hold several.

use std::{fmt, str::FromStr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Creates and manages keys.
    Developer,
    /// Approves what others ask for, never their own; may disable and revoke.
    Checker,
    /// Reads everything, changes nothing.
    Auditor,
    /// Manages the workspace; a developer too, a checker only if given that role.
    Admin,
    /// An admin who cannot be removed by one.
    Owner,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Developer,
        Self::Checker,
        Self::Auditor,
        Self::Admin,
        Self::Owner,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Checker => "checker",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    /// The other roles that this one brings with it.
    const fn implies(self) -> &'static [Self] {
        match self {
            Self::Owner => &[Self::Admin, Self::Developer],
            Self::Admin => &[Self::Developer],
            Self::Developer | Self::Checker | Self::Auditor => &[],
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(UnknownRole)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a role is one of developer, checker, auditor, admin, owner")]
pub struct UnknownRole;

/// The roles that a member was given. Written as words with commas between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    pub fn of(roles: &[Role]) -> Self {
        Self(
            Role::ALL
                .into_iter()
                .filter(|role| roles.contains(role))
                .collect(),
        )
    }

    /// Whether they hold this role, by name or because another brings it along.
    pub fn include(&self, role: Role) -> bool {
        self.0
            .iter()
            .any(|held| *held == role || held.implies().contains(&role))
    }

    pub fn include_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.include(*role))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|role| role.as_str()).collect();
        f.write_str(&words.join(","))
    }
}

impl FromStr for Roles {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let roles: Result<Vec<Role>, _> = text
            .split(',')
            .filter(|word| !word.is_empty())
            .map(str::parse)
            .collect();
        Ok(Self::of(&roles?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_admin_and_developer_but_no_checker() {
        let owner = Roles::of(&[Role::Owner]);
        assert!(owner.include(Role::Admin) && owner.include(Role::Developer));
        assert!(!owner.include(Role::Checker) && !owner.include(Role::Auditor));
    }

    #[test]
    fn roles_survive_being_written_and_read() {
        let roles = Roles::of(&[Role::Checker, Role::Developer]);
        assert_eq!(roles.to_string(), "developer,checker");
        assert_eq!(
            roles.to_string().parse::<Roles>().expect("it parses"),
            roles
        );
        assert!("boss".parse::<Roles>().is_err());
    }
}
