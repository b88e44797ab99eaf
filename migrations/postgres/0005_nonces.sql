-- Nonces of signed requests, by a hash of key and nonce, until their signatures are too old to be sent again.

create table signature_nonces (
    mark    bytea primary key,
    over_at bigint not null
);
create index signature_nonces_by_end on signature_nonces (over_at);
