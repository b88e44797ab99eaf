-- Amounts: what each key has spoken for on a day, and the reservations that it is made of. All in minor units.

create table volumes (
    key_id     text not null,
    currency   text not null,
    -- Days since 1 January 1970, UTC.
    day        bigint not null,
    -- The sum of what is reserved or committed.
    spent      bigint not null check (spent >= 0),
    -- When its people were told that the day's limit is near, and that it was reached.
    near_at    bigint,
    reached_at bigint,
    primary key (key_id, currency, day)
);

create table reservations (
    id              text primary key,
    workspace_id    text not null,
    key_id          text not null,
    environment     text not null,
    currency        text not null,
    amount          bigint not null check (amount >= 0),
    -- The day that it counts on, whenever it is settled.
    day             bigint not null,
    -- reserved, committed, released, lapsed
    state           text not null,
    -- Requests under it that are not answered yet; repeats of one call share one.
    holders         bigint not null,
    idempotency_key text,
    -- SHA-256 of what the call was, which a repeat must be too.
    asked           bytea not null,
    door            text not null,
    request_id      text not null,
    created_at      bigint not null,
    -- None where the gateway settles it itself.
    lapses_at       bigint,
    settled_at      bigint
);
create index reservations_by_repeat on reservations (key_id, idempotency_key, created_at)
    where idempotency_key is not null;
create index reservations_open on reservations (key_id, created_at) where state = 'reserved';

-- What a request moved, if it named an amount.
alter table requests add column amount bigint;
alter table requests add column currency text;
alter table requests add column reservation_id text;
