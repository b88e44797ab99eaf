//! What can go wrong with the database, in the terms a feature acts on.

/// A rule of the schema that a statement broke, by the same name on both engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraint {
    UserEmail,
    KeyLabel,
    KeyDraft,
    PasskeyCredential,
    OpenApproval,
}

/// Postgres reports a constraint's name, SQLite the columns of it.
const CONSTRAINTS: &[(Constraint, &str, &str)] = &[
    (
        Constraint::UserEmail,
        "users_email_unique",
        "users.email_folded",
    ),
    (
        Constraint::KeyLabel,
        "api_keys_label_unique",
        "api_keys.workspace_id, api_keys.environment, api_keys.label_folded",
    ),
    (
        Constraint::KeyDraft,
        "api_keys_draft_unique",
        "api_keys.workspace_id, api_keys.draft_id",
    ),
    (
        Constraint::OpenApproval,
        "approvals_open_unique",
        "approvals.subject_id, approvals.kind",
    ),
    (
        Constraint::PasskeyCredential,
        "passkeys_credential_unique",
        "passkeys.credential_id",
    ),
];

#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("the database URL must begin with sqlite: or postgres:")]
    Url,
    #[error("the schema forbids it: {0:?}")]
    Violates(Constraint),
    #[error("the migrations did not run: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("{0}")]
    Other(sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match error
            .as_database_error()
            .filter(|e| e.is_unique_violation())
        {
            Some(violation) => CONSTRAINTS
                .iter()
                .find(|(_, name, columns)| match violation.constraint() {
                    Some(reported) => reported == *name,
                    None => violation
                        .message()
                        .strip_prefix("UNIQUE constraint failed: ")
                        .is_some_and(|reported| reported == *columns),
                })
                .map_or(Self::Other(error), |(constraint, ..)| {
                    Self::Violates(*constraint)
                }),
            None => Self::Other(error),
        }
    }
}
