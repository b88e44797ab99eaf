-- What workspaces ask to be served at. Who asked or decided is no one where it was the console.

create table plan_requests (
    id           text primary key,
    workspace_id text not null references workspaces (id),
    tier         text not null,
    -- requested, approved, declined, withdrawn, or ended: approved once, and another was approved since.
    state        text not null,
    note         text,
    requested_by text references users (id),
    requested_at bigint not null,
    decided_by   text references users (id),
    decided_at   bigint,
    reason       text
);
create index plan_requests_by_workspace on plan_requests (workspace_id, requested_at);
create index plan_requests_by_decision on plan_requests (decided_at);
create unique index plan_requests_open_unique on plan_requests (workspace_id) where state = 'requested';
