//! Roles: what a member of a workspace may do there. One person may hold several.

use std::{fmt, str::FromStr};

use crate::server::clock::Millis;

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

/// The roles that a person holds at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    held: Vec<Role>,
    /// An operator acting in a workspace sees and manages it, but makes no key and decides nothing.
    acting: bool,
}

impl Roles {
    pub fn of(roles: &[Role]) -> Self {
        Self {
            held: Role::ALL
                .into_iter()
                .filter(|role| roles.contains(role))
                .collect(),
            acting: false,
        }
    }

    /// What an operator may do who acts in a workspace: nothing that touches a secret or an approval.
    pub fn of_operator() -> Self {
        Self {
            held: vec![Role::Auditor, Role::Admin],
            acting: true,
        }
    }

    /// Whether this is an operator who acts in a workspace.
    pub fn is_acting(&self) -> bool {
        self.acting
    }

    /// Whether they hold this role, by name or because another brings it along.
    pub fn include(&self, role: Role) -> bool {
        self.held
            .iter()
            .any(|held| *held == role || (!self.acting && held.implies().contains(&role)))
    }

    pub fn include_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.include(*role))
    }
}

/// A role as it was given: for good, or until a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub role: Role,
    pub until: Option<Millis>,
}

/// The roles that a member was given. Written as words with commas between, one with an end as `checker@<millis>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

impl Grants {
    pub fn of(roles: &[Role]) -> Self {
        Self::from_list(roles.iter().map(|role| Grant {
            role: *role,
            until: None,
        }))
    }

    /// In the order of [`Role::ALL`]; of a role that stands twice the first counts.
    pub fn from_list(grants: impl IntoIterator<Item = Grant>) -> Self {
        let grants: Vec<Grant> = grants.into_iter().collect();
        Self(
            Role::ALL
                .into_iter()
                .filter_map(|role| grants.iter().find(|grant| grant.role == role).copied())
                .collect(),
        )
    }

    pub fn list(&self) -> &[Grant] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, role: Role) -> Option<Grant> {
        self.0.iter().find(|grant| grant.role == role).copied()
    }

    /// What they come to now.
    pub fn at(&self, now: Millis) -> Roles {
        let held: Vec<Role> = self
            .0
            .iter()
            .filter(|grant| grant.until.is_none_or(|until| now < until))
            .map(|grant| grant.role)
            .collect();
        Roles::of(&held)
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, grant) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(",")?;
            }
            f.write_str(grant.role.as_str())?;
            if let Some(until) = grant.until {
                write!(f, "@{until}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Grants {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let grants: Result<Vec<Grant>, UnknownRole> = text
            .split(',')
            .filter(|word| !word.is_empty())
            .map(|word| {
                let (role, until) = match word.split_once('@') {
                    Some((role, until)) => (role, Some(until.parse().map_err(|_| UnknownRole)?)),
                    None => (word, None),
                };
                Ok(Grant {
                    role: role.parse()?,
                    until,
                })
            })
            .collect();
        Ok(Self::from_list(grants?))
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
    fn an_acting_operator_makes_no_key_and_decides_nothing() {
        let acting = Roles::of_operator();
        assert!(acting.include(Role::Admin) && acting.include(Role::Auditor));
        for role in [Role::Developer, Role::Checker, Role::Owner] {
            assert!(!acting.include(role), "{}", role.as_str());
        }
    }

    #[test]
    fn grants_survive_being_written_and_read_and_end_in_time() {
        let grants = Grants::from_list([
            Grant {
                role: Role::Checker,
                until: Some(5_000),
            },
            Grant {
                role: Role::Developer,
                until: None,
            },
        ]);
        assert_eq!(grants.to_string(), "developer,checker@5000");
        assert_eq!(
            grants.to_string().parse::<Grants>().expect("it parses"),
            grants
        );
        assert!(grants.at(4_999).include(Role::Checker));
        assert_eq!(grants.at(5_000), Roles::of(&[Role::Developer]));
        for text in ["boss", "checker@soon", "@5"] {
            assert!(text.parse::<Grants>().is_err(), "{text}");
        }
    }
}
