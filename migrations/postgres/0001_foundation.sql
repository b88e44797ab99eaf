-- Time is Unix milliseconds, hashes are BYTEA, JSON is TEXT. The SQLite twin differs only in type names,
-- identity columns and trigger syntax.

create table installation (
    name  text primary key,
    value text not null
);

create table users (
    id            text primary key,
    email         text not null,
    email_folded  text not null,
    name          text not null,
    password_hash text not null,
    pin_hash      text,
    operator      boolean not null default false,
    created_at    bigint not null
);
create unique index users_email_unique on users (email_folded);

create table sessions (
    id_hash    bytea primary key,
    user_id    text references users (id),
    record     text not null,
    expires_at bigint not null
);
create index sessions_by_user on sessions (user_id);
create index sessions_by_expiry on sessions (expires_at);

-- Tries at a password, a PIN or a sign-in, counted per subject within a window.
create table tries (
    subject      text primary key,
    failures     bigint not null,
    window_start bigint not null
);

create table step_ups (
    id           text primary key,
    user_id      text not null references users (id),
    workspace_id text not null,
    action       text not null,
    content_hash bytea not null,
    factor       text not null,
    proven_at    bigint not null,
    consumed_at  bigint
);
create index step_ups_by_time on step_ups (proven_at);

create table workspaces (
    id           text primary key,
    name         text not null,
    suspended_at bigint,
    created_at   bigint not null
);

create table members (
    workspace_id text not null references workspaces (id),
    user_id      text not null references users (id),
    roles        text not null,
    created_at   bigint not null,
    primary key (workspace_id, user_id)
);
create index members_by_user on members (user_id);

create table api_keys (
    id            text primary key,
    workspace_id  text not null references workspaces (id),
    environment   text not null,
    label         text not null,
    label_folded  text not null,
    scopes        text not null,
    owner_id      text references users (id),
    draft_id      text,
    secret_hash   bytea not null,
    secret_start  text not null,
    secret_end    text not null,
    state         text not null,
    expires_at    bigint,
    created_at    bigint not null,
    ended_at      bigint,
    last_used_at  bigint,
    last_used_ip  text
);
create unique index api_keys_secret_unique on api_keys (secret_hash);
create unique index api_keys_draft_unique on api_keys (workspace_id, draft_id);
create unique index api_keys_label_unique on api_keys (workspace_id, environment, label_folded) where ended_at is null;

-- What the caches of every process follow: a row for each secret whose judgement may have changed.
create table key_changes (
    seq         bigint generated always as identity primary key,
    secret_hash bytea not null,
    changed_at  bigint not null
);

create index key_changes_by_time on key_changes (changed_at);

create table service_tokens (
    id         text primary key,
    name       text not null,
    token_hash bytea not null,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);
create unique index service_tokens_hash_unique on service_tokens (token_hash);

create table requests (
    id           text primary key,
    workspace_id text not null,
    environment  text not null,
    key_id       text not null,
    at           bigint not null,
    door         text not null,
    code         text not null,
    status       bigint not null,
    method       text,
    path         text,
    scope        text,
    ip           text,
    agent        text,
    latency_us   bigint not null
);
create index requests_by_workspace on requests (workspace_id, environment, id);
create index requests_by_key on requests (workspace_id, key_id, id);

create table usage_hours (
    workspace_id text not null,
    environment  text not null,
    key_id       text not null,
    hour         bigint not null,
    code         text not null,
    requests     bigint not null,
    primary key (workspace_id, environment, key_id, hour, code)
);

create table audit_chains (
    id   text primary key,
    seq  bigint not null,
    head bytea not null
);

create table audit_entries (
    chain_id  text not null references audit_chains (id),
    seq       bigint not null,
    at        bigint not null,
    actor     text not null,
    action    text not null,
    target    text not null,
    detail    text not null,
    prev_hash bytea not null,
    hash      bytea not null,
    primary key (chain_id, seq)
);
create index audit_entries_by_target on audit_entries (chain_id, target, seq);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin raise exception 'audit entries are never changed or deleted'; end $$;
create trigger audit_entries_kept before update or delete on audit_entries
for each row execute function refuse_audit_change();
create trigger audit_entries_not_emptied before truncate on audit_entries
for each statement execute function refuse_audit_change();
create trigger audit_chains_kept before delete on audit_chains
for each row execute function refuse_audit_change();
create trigger audit_chains_not_emptied before truncate on audit_chains
for each statement execute function refuse_audit_change();

create table outbox_events (
    id           text primary key,
    workspace_id text not null references workspaces (id),
    environment  text,
    type         text not null,
    data         text not null,
    created_at   bigint not null
);
