-- People's second factors, their browsers, mailed links, members' invitations, notices and mail.

alter table users add column closed_at bigint;
-- Grows with each new password and each reset of factors: a session begun before that is over.
alter table users add column epoch bigint not null default 0;

create table totp_secrets (
    user_id    text primary key references users (id),
    sealed     blob not null,
    -- The last 30-second step whose code was accepted: each code counts once.
    last_step  bigint not null,
    created_at bigint not null
);

create table recovery_codes (
    user_id    text not null references users (id),
    code_hash  blob not null,
    created_at bigint not null,
    used_at    bigint,
    primary key (user_id, code_hash)
);

create table passkeys (
    id            text primary key,
    user_id       text not null references users (id),
    credential_id blob not null,
    name          text not null,
    credential    text not null,
    created_at    bigint not null,
    last_used_at  bigint
);
create unique index passkeys_credential_unique on passkeys (credential_id);
create index passkeys_by_user on passkeys (user_id);

-- A challenge that a browser was given and what is needed to judge its answer; removed when it is answered.
create table passkey_ceremonies (
    id_hash    blob primary key,
    purpose    text not null,
    user_id    text,
    state      text not null,
    created_at bigint not null
);
create index passkey_ceremonies_by_time on passkey_ceremonies (created_at);

-- Browsers in which a person has signed in before, by the hash of a cookie.
create table devices (
    user_id      text not null references users (id),
    id_hash      blob not null,
    words        text not null,
    created_at   bigint not null,
    last_seen_at bigint not null,
    primary key (user_id, id_hash)
);
create index devices_by_cookie on devices (id_hash);

-- Single-use links that were mailed, by the hash of their token.
create table links (
    token_hash blob primary key,
    purpose    text not null,
    user_id    text references users (id),
    data       text not null,
    created_at bigint not null,
    expires_at bigint not null,
    used_at    bigint
);
create index links_by_user on links (user_id, purpose);
create index links_by_expiry on links (expires_at);

create table address_changes (
    id               text primary key,
    user_id          text not null references users (id),
    email            text not null,
    created_at       bigint not null,
    old_confirmed_at bigint,
    new_confirmed_at bigint,
    ended_at         bigint
);
create index address_changes_by_user on address_changes (user_id);

alter table workspaces add column require_second_factor boolean not null default false;
alter table workspaces add column closed_at bigint;

create table invitations (
    id           text primary key,
    workspace_id text not null references workspaces (id),
    email        text not null,
    email_folded text not null,
    roles        text not null,
    token_hash   blob not null,
    invited_by   text not null references users (id),
    created_at   bigint not null,
    expires_at   bigint not null,
    accepted_at  bigint,
    withdrawn_at bigint
);
create unique index invitations_token_unique on invitations (token_hash);
create unique index invitations_open_unique on invitations (workspace_id, email_folded)
    where accepted_at is null and withdrawn_at is null;

create table ownership_transfers (
    id           text primary key,
    workspace_id text not null references workspaces (id),
    from_user    text not null references users (id),
    to_user      text not null references users (id),
    created_at   bigint not null,
    expires_at   bigint not null,
    ended_at     bigint
);
create index ownership_transfers_by_workspace on ownership_transfers (workspace_id);

-- An operator acting in a workspace: why, since when, until when at the latest.
create table operator_acts (
    id           text primary key,
    operator_id  text not null references users (id),
    workspace_id text not null references workspaces (id),
    reason       text not null,
    started_at   bigint not null,
    ends_at      bigint not null,
    ended_at     bigint
);
create index operator_acts_by_workspace on operator_acts (workspace_id, ends_at);
create index operator_acts_by_operator on operator_acts (operator_id, ends_at);
create index users_operators on users (id) where operator;

-- Mail that waits to be sent or was; its text is sealed, since it may hold a link that signs in.
create table mails (
    id            text primary key,
    user_id       text references users (id),
    sealed        blob,
    created_at    bigint not null,
    attempts      bigint not null default 0,
    next_at       bigint,
    claimed_until bigint not null default 0,
    sent_at       bigint,
    last_error    text
);
create index mails_by_next on mails (next_at);

create table notices (
    id           text primary key,
    user_id      text not null references users (id),
    workspace_id text references workspaces (id),
    kind         text not null,
    subject      text not null,
    body         text not null,
    path         text not null,
    created_at   bigint not null,
    read_at      bigint
);
create index notices_by_user on notices (user_id, id);

create table notice_settings (
    user_id text not null references users (id),
    kind    text not null,
    mail    boolean not null,
    portal  boolean not null,
    primary key (user_id, kind)
);

-- What one person did, across chains, for the export of their data.
create index audit_entries_by_actor on audit_entries (actor, at);
