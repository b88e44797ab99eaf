-- Webhooks: endpoints, what is to be delivered to them, each try, and tokens of the command line.

create table webhook_endpoints (
    id            text primary key,
    workspace_id  text not null references workspaces (id),
    environment   text not null,
    url           text not null,
    description   text not null,
    -- JSON: list of event types, or ["*"] for all.
    events        text not null,
    -- JSON object of further headers, sealed: somebody's token may stand in one.
    headers       bytea not null,
    -- hmac, ed25519
    signing       text not null,
    -- enabled; disabled by a person; failed for too long; gone (it answered 410); removed
    state         text not null,
    state_since   bigint not null,
    -- The first failure that no success came after.
    failing_since bigint,
    -- What made it, so that a form sent twice makes one.
    draft_id      text,
    created_by    text,
    created_at    bigint not null
);
create index webhook_endpoints_by_workspace on webhook_endpoints (workspace_id, id);
create unique index webhook_endpoints_draft_unique on webhook_endpoints (workspace_id, draft_id);

-- The current secret has no end; one that was rotated away signs beside it until its own.
create table webhook_secrets (
    id           text primary key,
    endpoint_id  text not null references webhook_endpoints (id),
    workspace_id text not null,
    -- hmac: the bytes behind whsec_; ed25519: the 32 bytes of the private key.
    sealed       bytea not null,
    -- Of an Ed25519 pair.
    public_key   text,
    form_id      text,
    created_at   bigint not null,
    ends_at      bigint
);
create index webhook_secrets_by_endpoint on webhook_secrets (endpoint_id);
create unique index webhook_secrets_form_unique on webhook_secrets (workspace_id, form_id);

-- Of the platform's own events: sent again with the same key it is the same event, or a conflict.
alter table outbox_events add column idempotency_key text;
alter table outbox_events add column content_hash bytea;
create index outbox_events_by_workspace on outbox_events (workspace_id, id);
create index outbox_events_by_time on outbox_events (created_at);
create unique index outbox_events_repeat_unique on outbox_events (workspace_id, idempotency_key);

-- One event on its way to one endpoint.
create table webhook_deliveries (
    id           text primary key,
    workspace_id text not null,
    environment  text not null,
    endpoint_id  text not null references webhook_endpoints (id),
    event_id     text not null,
    type         text not null,
    -- waiting, delivered, failed (no try is left), missed (the endpoint was not enabled), dropped (it was removed)
    state        text not null,
    -- What the next try is made for, or the last was: schedule, replay, test
    cause        text not null,
    -- Tries so far in all, and since the schedule last began anew.
    attempts     bigint not null,
    step         bigint not null,
    -- When the next try is due; none if there is none.
    due_at       bigint,
    -- Who has it in hand, and until when the others leave it alone.
    leased_by    text,
    leased_until bigint,
    -- What the last try came to.
    last_status  bigint,
    last_error   text,
    last_at      bigint,
    created_at   bigint not null,
    settled_at   bigint
);
create unique index webhook_deliveries_event_unique on webhook_deliveries (event_id, endpoint_id);
create index webhook_deliveries_due on webhook_deliveries (endpoint_id, due_at) where state = 'waiting';
create index webhook_deliveries_by_workspace on webhook_deliveries (workspace_id, environment, id);
create index webhook_deliveries_by_endpoint on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_by_time on webhook_deliveries (created_at);

create table webhook_attempts (
    id               text primary key,
    delivery_id      text not null,
    endpoint_id      text not null,
    workspace_id     text not null,
    -- The how-manieth of its delivery, from 1.
    number           bigint not null,
    -- schedule, replay, test
    cause            text not null,
    at               bigint not null,
    latency_us       bigint not null,
    -- None if there was no answer; then the error says why.
    status           bigint,
    error            text,
    -- JSON: lists of [name, value], values that may hold a secret masked.
    request_headers  text not null,
    response_headers text,
    -- At most the first 16 KiB, as text.
    response_body    text,
    response_cut     boolean not null
);
create index webhook_attempts_by_delivery on webhook_attempts (delivery_id, number);
create index webhook_attempts_by_endpoint on webhook_attempts (endpoint_id, at);
create index webhook_attempts_by_time on webhook_attempts (at);

-- Everything that an endpoint did not get since a moment, sent again a batch at a time.
create table webhook_replays (
    id           text primary key,
    workspace_id text not null,
    endpoint_id  text not null references webhook_endpoints (id),
    since        bigint not null,
    -- Nothing that was made after it.
    until        bigint not null,
    -- The last delivery that was taken up again.
    reached      text not null,
    total        bigint not null,
    done         bigint not null,
    started_by   text not null,
    started_at   bigint not null,
    -- running, done, stopped
    state        text not null,
    ended_at     bigint
);
create index webhook_replays_by_endpoint on webhook_replays (endpoint_id, id);
create unique index webhook_replays_running_unique on webhook_replays (endpoint_id) where state = 'running';

-- Tokens of `latchkey listen` and `latchkey trigger`: one workspace, test environments only.
create table cli_tokens (
    id           text primary key,
    workspace_id text not null references workspaces (id),
    user_id      text not null references users (id),
    name         text not null,
    token_hash   bytea not null,
    form_id      text,
    created_at   bigint not null,
    expires_at   bigint not null,
    last_used_at bigint,
    revoked_at   bigint
);
create unique index cli_tokens_hash_unique on cli_tokens (token_hash);
create unique index cli_tokens_form_unique on cli_tokens (workspace_id, form_id);
create index cli_tokens_by_workspace on cli_tokens (workspace_id, id);
