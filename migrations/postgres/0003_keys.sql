-- The whole life of a key: its terms, its secrets one after another, what waits for a second person, drafts of forms.

alter table api_keys add column purpose text not null default '';
-- JSON, decoded where they are read: what amounts it may move, and where it may be used from.
alter table api_keys add column limits text not null default '{}';
alter table api_keys add column allow text not null default '[]';
alter table api_keys add column meta text not null default '{}';
alter table api_keys add column tier text;
-- A life counted from the moment when the secret is revealed.
alter table api_keys add column lifetime_days bigint;
-- Who asked for it; the owner may be another by now.
alter table api_keys add column maker_id text references users (id);
-- Until when a request, or an approved key that nobody has revealed, waits.
alter table api_keys add column waits_until bigint;
alter table api_keys add column revealed_at bigint;
-- 'member' or 'operator'.
alter table api_keys add column disabled_by text;
alter table api_keys add column hidden_at bigint;
-- The fewest days before its end that its people were reminded at.
alter table api_keys add column reminded_days bigint;
create index api_keys_by_waiting on api_keys (waits_until) where waits_until is not null;
create index api_keys_by_end on api_keys (expires_at) where ended_at is null and expires_at is not null;

update api_keys set maker_id = owner_id, revealed_at = created_at;

create table key_secrets (
    id            text primary key,
    key_id        text not null references api_keys (id),
    workspace_id  text not null references workspaces (id),
    -- The fingerprint of what a request carries: the secret, or the public key of a pair.
    secret_hash   bytea not null,
    secret_start  text not null,
    secret_end    text not null,
    -- Of a pair: the public key, and what verifies a signature: the secret one, sealed, or an Ed25519 key that was handed in.
    public_key    text,
    sealed        bytea,
    verifying_key text,
    -- The form that made it, which makes no second one.
    form_id       text,
    created_at    bigint not null,
    -- When it was replaced, and until when it works all the same.
    replaced_at   bigint,
    ends_at       bigint
);
create unique index key_secrets_hash_unique on key_secrets (secret_hash);
create unique index key_secrets_form_unique on key_secrets (workspace_id, form_id);
create index key_secrets_by_key on key_secrets (key_id);

insert into key_secrets (id, key_id, workspace_id, secret_hash, secret_start, secret_end, created_at)
select 'sec' || substr(id, 4), id, workspace_id, secret_hash, secret_start, secret_end, created_at from api_keys;
drop index api_keys_secret_unique;
alter table api_keys drop column secret_hash;

-- Which of a key's secrets a request carried.
alter table requests add column secret_id text;

create table key_drafts (
    id           text primary key,
    workspace_id text not null references workspaces (id),
    user_id      text not null references users (id),
    fields       text not null,
    updated_at   bigint not null
);
create index key_drafts_by_time on key_drafts (updated_at);

-- What needs the agreement of a second person. What is asked is frozen: the decision is about its hash.
create table approvals (
    id             text primary key,
    workspace_id   text not null references workspaces (id),
    -- new_key, change_key, enable_key, give_role, invite, loosen_policy
    kind           text not null,
    -- The key, member or workspace that it is about.
    subject_id     text not null,
    environment    text,
    -- A line for lists.
    title          text not null,
    asked          text not null,
    content_hash   bytea not null,
    -- What stood when it was asked; a change of that voids the request.
    basis          text not null,
    risk           bigint not null,
    requested_by   text not null references users (id),
    requested_at   bigint not null,
    lapses_at      bigint not null,
    reminded_at    bigint,
    -- approved, rejected, withdrawn, lapsed, void
    outcome        text,
    decided_by     text references users (id),
    decided_at     bigint,
    reason         text,
    own            boolean not null default false,
    -- The rejected request that this one follows.
    follows        text
);
create unique index approvals_open_unique on approvals (subject_id, kind) where outcome is null;
create index approvals_by_workspace on approvals (workspace_id, id);
create index approvals_open_by_lapse on approvals (lapses_at) where outcome is null;

-- What the workspace wants of its people; the profile's word where it says nothing.
alter table workspaces add column approval_level text;
alter table workspaces add column own_approval boolean not null default true;
alter table workspaces add column four_eyes_roles boolean not null default true;
alter table workspaces add column four_eyes_policy boolean not null default true;
